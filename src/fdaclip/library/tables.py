"""Which state a library's tables are in, told from their folders: needs no LanceDB, and no time.

A Lance table changes by a new manifest in its ``_versions`` folder, which is there whole or not at
all; every commit, delete and compaction writes one, numbered upwards. The newest manifest of each
table, by name, size and time of change (a table that was restored from a backup may count the same
numbers again), is therefore the state of the library. In object storage the object's tag takes the
place of its time of change.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from .place import Place, Remote

TABLES = ("videos", "moments")
LONGEST = 20  # digits: Lance counts manifests down from 2⁶⁴ − 1; with fewer, it counted up from 1


def tables_state(folder: Place) -> str | None:
    """Equal as long as nobody wrote to the tables; None where there are none to be read."""
    if isinstance(folder, Remote):
        there = folder.newest(TABLES)
        return " ".join(name for name, _ in there) if there else None
    newest = [_newest(folder / f"{table}.lance" / "_versions") for table in TABLES]
    facts = [(one.name, one.stat()) for one in newest if one]
    if len(facts) < len(TABLES):
        return None
    return " ".join(f"{name}:{stat.st_size}:{stat.st_mtime_ns}" for name, stat in facts)


def quiet_for(folder: Place) -> float:
    """Seconds since the tables were last written to; 0 where there are none."""
    if isinstance(folder, Remote):
        there = folder.newest(TABLES)
        return time.time() - max((when for _, when in there or ()), default=time.time())
    newest = [_newest(folder / f"{table}.lance" / "_versions") for table in TABLES]
    times = [one.stat().st_mtime for one in newest if one]
    return time.time() - max(times, default=time.time())


def _newest(versions: Path) -> os.DirEntry[str] | None:
    """The manifest that counts; None if there is none, or it is being replaced this instant."""
    best: tuple[int, os.DirEntry[str] | None] = (-1, None)
    try:
        with os.scandir(versions) as entries:
            for entry in entries:
                stem, _, kind = entry.name.partition(".")
                if kind == "manifest" and stem.isdecimal():
                    number = 2**64 - 1 - int(stem) if len(stem) == LONGEST else int(stem)
                    if number > best[0]:
                        best = number, entry
            if best[1] is not None:
                best[1].stat()  # now, while it is certainly there
    except OSError:
        return None
    return best[1]
