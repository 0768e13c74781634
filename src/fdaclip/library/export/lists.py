"""Lists of parts of videos: JSON and CSV for programs, EDL and FCPXML for editors."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .cutting import CannotExport, NotCut
from .excerpts import Excerpt, distinct

FORMATS = (".json", ".csv", ".edl", ".fcpxml")


def write_list(
    moments: Iterable[Any],
    path: str | os.PathLike[str],
    *,
    title: str = "",
    force: bool = False,
) -> list[NotCut]:
    """Write parts of videos as a list whose format is told by how its name ends.

    ``.json`` (as ``fdaclip search --json`` prints), ``.csv``, ``.edl`` (CMX 3600) and ``.fcpxml``
    (1.10). The last two need the files themselves, whose frame rates they count in.

    Args:
        moments: hits, or anything that has ``path``, ``start`` and ``end``.
        title: of the list; by default its file's name.
        force: replace a list that is there already.

    Returns:
        What an editor's list had to leave out, with reasons.

    Raises:
        CannotExport: the format is unknown, the list is there already, or cannot be written.
    """
    target = Path(path).expanduser()
    kind = target.suffix.lower()
    if kind not in FORMATS:
        raise CannotExport(
            f"the list {target.name!r} ends in no format that is known", f"use {', '.join(FORMATS)}"
        )
    if not force and target.exists():
        raise CannotExport(f"{target} is there already", "--force replaces it")
    excerpts, failed = distinct(moments), list[NotCut]()
    title = title or target.stem
    if kind == ".json":
        text = as_json(excerpts)
    elif kind == ".csv":
        text = as_csv(excerpts)
    else:
        text, failed = _for_editors(excerpts, title, kind)
    unfinished = target.with_name(f".{target.name}.new")
    try:
        unfinished.write_text(text, "utf-8", errors="surrogateescape", newline="")
        unfinished.replace(target)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise CannotExport(f"cannot write {target}: {why}", "is its folder there?") from error
    return failed


def as_json(excerpts: Sequence[Excerpt]) -> str:
    """A list of objects; `excerpts.read_json` reads it again."""
    rows = [{"path": one.path, "start": one.start, "end": one.end, **one.facts} for one in excerpts]
    return json.dumps(rows, indent=2) + "\n"


def as_csv(excerpts: Sequence[Excerpt]) -> str:
    """A row each; of the facts those that are single values."""
    plain = (bool, int, float, str)
    facts = dict.fromkeys(
        name for one in excerpts for name, value in one.facts.items() if isinstance(value, plain)
    )
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["path", "start", "end", "duration", *facts])
    for one in excerpts:
        row = [one.path, one.start, one.end, round(one.end - one.start, 6)]
        writer.writerow([*row, *(one.facts.get(name, "") for name in facts)])
    return text.getvalue()


def _for_editors(excerpts: Sequence[Excerpt], title: str, kind: str) -> tuple[str, list[NotCut]]:
    from .edl import as_edl
    from .fcpxml import as_fcpxml
    from .media import look_at

    absolute = {one.path: os.path.abspath(one.path) for one in excerpts}  # noqa: PTH100
    media, unknown = look_at(absolute.values())
    kept, failed = [], []
    for one in excerpts:
        about = media.get(absolute[one.path])
        reason = unknown.get(absolute[one.path], "was not read")
        if about is not None and one.start < about.duration:
            kept.append((one, about))
            continue
        if about is not None:
            reason = f"is only {about.duration:.3f} s long"
        failed.append(NotCut(one.path, one.start, one.end, reason))
    if not kept:
        raise CannotExport(
            f"no list was written: {failed[0].path}: {failed[0].reason}"
            if failed
            else "no list was written: there are no moments"
        )
    return (as_edl if kind == ".edl" else as_fcpxml)(kept, title), failed
