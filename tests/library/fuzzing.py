"""Broken films through the whole of ingest, and what must hold whatever they are.

Nothing of the program crashes or hangs; each file ends as ok, partial or bad, with a reason of one
line that speaks of the file and not of the program's inside; what can be searched is sound; nothing
is left over: memory, open files, threads, processes, temporary files.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from footprint import HERE, Footprint, settled
from mutations import mutation
from tiny_films import FakeEncoder

from fdaclip.library import Library, ingest
from fdaclip.library.rows import Video

BATCH = 250  # files
TIME_LIMIT = 10.0  # s a file may take until its next window
MEMORY_LIMIT = 1 << 30  # bytes
LONGEST = 160  # characters of a reason
# A reason must not show these: they are of the program, not of the file.
INSIDE = re.compile(r"Traceback|Error\b|Exception|0x[0-9a-f]{6}|\bav\.|\.py\b|None\b|\bnan\b|/tmp")
CRASHED = re.compile(r"killed by SIG|ended with exit code")


@dataclass
class Fuzzed:
    """What became of the files.

    Attributes:
        files: how many. states: files of each state. reasons: files of each reason, without digits.
        crashed: (number, reason) of files whose decoder crashed. stalled, too_large: numbers.
        wrong: what must not be, one line each.
        before, after: what this process held, once warm and at the end; None where it cannot tell.
        seconds: it took.
    """

    files: int = 0
    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    crashed: list[tuple[int, str]] = field(default_factory=list)
    stalled: list[int] = field(default_factory=list)
    too_large: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    before: Footprint | None = None
    after: Footprint | None = None
    seconds: float = 0.0


def fuzz(
    sources: Sequence[Path],
    numbers: Sequence[int],
    folder: Path,
    *,
    seed: int = 1,
    processes: int | None = None,
    tell: Callable[[Fuzzed], None] = lambda _: None,
) -> Fuzzed:
    """Index the mutations of these numbers, some at a time, into one library in ``folder``.

    Args:
        sources: what is mutated.
        tell: called after each batch.
    """
    began = time.monotonic()
    result = Fuzzed()
    scratch = Path(tempfile.gettempdir())
    left = set(os.listdir(scratch))  # noqa: PTH208
    library = Library(folder / "fuzzed.fdaclip", FakeEncoder())
    with (
        mock.patch.object(ingest, "TIME_LIMIT", TIME_LIMIT),
        mock.patch.object(ingest, "MEMORY_LIMIT", MEMORY_LIMIT),
    ):
        for first in range(0, len(numbers), BATCH):
            some = numbers[first : first + BATCH]
            place = folder / "films"
            place.mkdir()
            names: dict[str, int] = {}
            for number in some:
                made = mutation(sources, seed, number)
                (place / made.name).write_bytes(made.content)
                names[made.name] = number
            library.add([place / name for name in names], processes=processes)
            _judge(library, place, names, result)
            shutil.rmtree(place)
            if HERE and result.before is None:
                result.before = settled()
            tell(result)
    if HERE:
        result.after = settled()
    for problem in library.verify():
        if problem.kind != "missing":  # they were deleted after their turn
            result.wrong.append(f"verify: {problem.kind} {problem.detail}")
    new = {name for name in set(os.listdir(scratch)) - left if _ours(scratch / name)}  # noqa: PTH208
    result.wrong += [f"left in the temporary folder: {name}" for name in sorted(new)]
    result.seconds = time.monotonic() - began
    return result


def _judge(library: Library, place: Path, names: dict[str, int], result: Fuzzed) -> None:
    rows = {Path(v.path).name: v for v in library._open().videos() if Path(v.path).parent == place}
    for name, number in names.items():
        result.files += 1
        row = rows.get(name)
        if row is None:
            result.wrong.append(f"{number}: it has no row")
            continue
        result.states[row.state] += 1
        if row.state != "ok":
            result.reasons[re.sub(r"\d+(\.\d+)?", "N", row.reason)] += 1
        if CRASHED.search(row.reason):
            result.crashed.append((number, row.reason))
        if "no progress" in row.reason:
            result.stalled.append(number)
        if "more memory" in row.reason:
            result.too_large.append(number)
        result.wrong += [f"{number}: {wrong}" for wrong in _wrong(row)]


def _wrong(row: Video) -> list[str]:
    """What must not be said of a file."""
    found = []
    if row.state not in ("ok", "partial", "bad"):
        found.append(f"its state is {row.state!r}")
    if (row.state == "ok") != (row.reason == ""):
        found.append(f"it is {row.state} with the reason {row.reason!r}")
    if (row.take == 0) != (row.moments == 0) or (row.state == "bad") != (row.take == 0):
        found.append(f"it is {row.state} with {row.moments} moments")
    reason = row.reason
    if not reason.isprintable() or len(reason) > LONGEST or INSIDE.search(reason):
        found.append(f"its reason is {reason!r}")
    if not (0 <= row.duration < 1e9 and row.width >= 0 and row.height >= 0 and row.lost >= 0):
        found.append(f"{row.duration} s, {row.width}x{row.height}, {row.lost} frames lost")
    return found


def _ours(path: Path) -> bool:
    """Made by this process or its workers; others use the same folder."""
    return path.name.startswith(("fdaclip", ".writing", "pymp-"))
