"""Is every video of a data set there, whole and long enough? Each is decoded once, in parallel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from fdaclip.data.annotations import Entry
from fdaclip.data.content import content_of
from fdaclip.data.load import Plan, usable
from fdaclip.data.manifest import Checked, Manifest, State, open_manifest
from fdaclip.video import open_video
from fdaclip.video.isolated import Result, work_isolated

SAVE_EVERY = 20.0  # s between writings of the manifest
LOOKED_AT = 12  # frames of a video that are decoded unless all are
SIDE = 64  # px they are decoded to: they are not looked at by anybody
UNLIKE = 0.2  # share, and seconds, by which a length may differ from the annotated one
UNLIKE_SECONDS = 2.0

Trouble = Literal["missing", "damaged", "short", "partial", "length", "copies", "choice"]


@dataclass(frozen=True)
class Finding:
    """Something about one video (or a few) that one should know.

    Attributes:
        kind: "missing" (no file), "damaged", "short" (a single frame, or over before it begins),
            "partial" (some frames lost), "length" (much longer or shorter than annotated),
            "copies" (several videos with the same content), "choice" (several files of that name;
            the first is used).
        name: of the video. path: its file, None where there is none.
        what: a clause that says more.
    """

    kind: Trouble
    name: str
    path: Path | None
    what: str


@dataclass(frozen=True)
class Report:
    """What a check found.

    Attributes:
        name, split, protocol: of the data set.
        videos: in the annotation files. usable: of them, those that can be trained on.
        checked: files decoded this time; the others were known.
        seconds: of all usable videos. elapsed: s this took.
        findings: in the order of the data set, by kind.
        manifest: where it is kept.
    """

    name: str
    split: str
    protocol: str
    videos: int
    usable: int
    checked: int
    seconds: float
    elapsed: float
    findings: tuple[Finding, ...]
    manifest: Path

    def count(self, kind: Trouble) -> int:
        return sum(finding.kind == kind for finding in self.findings)


def check(
    found: Plan,
    *,
    workers: int | None = None,
    every_frame: bool = False,
    again: bool = False,
    time_limit: float = 60.0,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Decode the videos of a data set and keep what was learned, for `load_dataset` to use.

    Files that are known from an earlier check and have not changed since are not decoded again.
    Interrupted, it keeps what it knows.

    Args:
        found: `fdaclip.data.load.plan` of the data set.
        workers: processes; as many as processors if None.
        every_frame: decode all frames instead of twelve spread over the video.
        again: decode also what is known.
        time_limit: seconds without a frame after which a file counts as damaged.
        progress: is called with (files done, files in all).
    """
    began = time.monotonic()
    manifest = open_manifest(found.place.root)
    candidates = {entry.name: found.place.videos(entry.files) for entry in found.entries}
    checked: set[Path] = set()
    while True:  # a further round where a file is of no use and there is another of its name
        todo = {
            path: None
            for entry in found.entries
            for path in first_unknown(candidates[entry.name], entry, manifest, checked, again)
        }
        if not todo:
            break
        decode(list(todo), manifest, workers, every_frame, time_limit, progress)
        checked |= set(todo)
    findings = [f for e in found.entries for f in judge(e, candidates[e.name], manifest)]
    findings += copies(found.entries, candidates, manifest)
    good = [chosen(entry, candidates[entry.name], manifest) for entry in found.entries]
    lengths = [manifest.of(path) for path in good if path is not None]
    return Report(
        name=found.name,
        split=found.split,
        protocol=found.protocol,
        videos=len(found.entries),
        usable=len(lengths),
        checked=len(checked),
        seconds=sum(known.seconds for known in lengths if known),
        elapsed=time.monotonic() - began,
        findings=tuple(findings),
        manifest=manifest.path,
    )


def first_unknown(
    paths: Sequence[Path], entry: Entry, manifest: Manifest, checked: set[Path], again: bool
) -> list[Path]:
    """The file to be decoded next to know what an entry is worth; none once that is known."""
    for path in paths:
        known = manifest.of(path)
        if known is None or (again and path not in checked):
            return [] if path in checked else [path]
        if usable(known, entry):
            return []
    return []


def decode(
    paths: Sequence[Path],
    manifest: Manifest,
    workers: int | None,
    every_frame: bool,
    time_limit: float,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Decode files in isolated processes and note what was learned."""
    work = partial(examine, every_frame=every_frame)
    saved, done = time.monotonic(), 0
    try:
        for event in work_isolated(work, paths, workers=workers, time_limit=time_limit):
            if isinstance(event, Result):
                manifest.note(event.path, event.value)
                continue
            done += 1
            if event.error is not None:
                manifest.note(event.path, noted(event.path, "damaged", event.error.reason))
            if progress:
                progress(done, len(paths))
            if time.monotonic() - saved > SAVE_EVERY:
                manifest.save()
                saved = time.monotonic()
    finally:
        manifest.save()


def examine(path: Path, every_frame: bool) -> Iterator[Checked]:
    """What one file is worth; runs in a process of its own.

    Raises:
        VideoError: nothing of it can be decoded.
    """
    with open_video(path, threads=1) as video:
        probe, seconds = video.probe, video.duration
        clip = video.clip(LOOKED_AT, short_side=SIDE)
        state: State = "ok"
        reason = ""
        if clip.lost:
            state, reason = "partial", f"{len(clip.lost)} of {LOOKED_AT} frames cannot be decoded"
        elif len({*clip.times, *clip.partner_times}) < 2:
            state, reason = "short", "shows a single frame"
        elif every_frame:
            count = sum(1 for _ in video.iter_frames(short_side=SIDE))
            if probe.frames is not None and count < probe.frames:
                state, reason = "partial", f"{probe.frames - count} of {probe.frames} frames lost"
    yield noted(
        path,
        state,
        reason,
        seconds=round(seconds, 3),
        width=probe.width,
        height=probe.height,
        rate=round(probe.rate or 0.0, 3),
        codec=probe.codec,
        digest=content_of(path),
    )


def noted(path: Path, state: State, reason: str, **facts: float | int | str) -> Checked:
    """A note on a file as it is now; one that has vanished meanwhile has no size."""
    try:
        status = path.stat()
    except OSError:
        return Checked(0, 0, state, reason)
    return Checked(status.st_size, status.st_mtime_ns, state, reason, **facts)  # type: ignore[arg-type]


def chosen(entry: Entry, paths: Sequence[Path], manifest: Manifest) -> Path | None:
    """The file that `load_dataset` will take."""
    return next((path for path in paths if usable(manifest.of(path), entry)), None)


def judge(entry: Entry, paths: Sequence[Path], manifest: Manifest) -> Iterator[Finding]:
    """What there is to say of one video."""
    if not paths:
        yield Finding("missing", entry.name, None, f"no file like {entry.files[0]}")
        return
    path = chosen(entry, paths, manifest)
    if path is None:
        known = manifest.of(paths[0])
        assert known is not None
        if known.state == "damaged":
            yield Finding("damaged", entry.name, paths[0], known.reason)
        else:
            ends = f"ends at {known.seconds:.1f} s, before {entry.start:.1f} s"
            yield Finding("short", entry.name, paths[0], known.reason or ends)
        return
    if len(paths) > 1:
        others = ", ".join(str(other) for other in paths if other != path)
        yield Finding("choice", entry.name, path, f"also {others}")
    known = manifest.of(path)
    if known is None:
        yield Finding("damaged", entry.name, path, "changed while it was looked at")
        return
    if known.state == "partial":
        yield Finding("partial", entry.name, path, known.reason)
    expected = entry.seconds
    if expected and entry.end is None and unlike(known.seconds, expected):
        what = f"lasts {known.seconds:.1f} s, annotated as {expected:.1f} s"
        yield Finding("length", entry.name, path, what)


def unlike(seconds: float, expected: float) -> bool:
    return abs(seconds - expected) > max(UNLIKE_SECONDS, UNLIKE * expected)


def copies(
    entries: Sequence[Entry], candidates: dict[str, list[Path]], manifest: Manifest
) -> Iterator[Finding]:
    """Videos of different names whose files are the same: each is a wrong answer to the others."""
    same: dict[str, dict[Path, str]] = {}
    for entry in entries:
        path = chosen(entry, candidates[entry.name], manifest)
        known = manifest.of(path) if path else None
        if path and known and known.digest and (entry.start, entry.end) == (0.0, None):
            same.setdefault(known.digest, {})[path] = entry.name
    for group in same.values():
        if len(group) > 1:
            (path, name), *others = group.items()
            listed = ", ".join(f"{other} ({where.name})" for where, other in others)
            yield Finding("copies", name, path, f"the same content as {listed}")
