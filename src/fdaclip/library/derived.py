"""The vector file: what a search needs of the tables, derived from them, so that it can be mapped.

It lies in the library's folder ``search``: ``state.json`` says which state of the tables it was
made from, which files can be found, and in which parts their moments lie. It is never the truth.
Lost, damaged or of another state it is made again, from what is still good of it: a take never
changes, so only new takes are read from the table, into a part of their own, and moments that no
file names any more are passed over. When these two are a fifth of the whole, all is written anew.
Where nothing may be written, the same is done in memory.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .clusters import BLOCK, grouped
from .errors import CannotWrite, LibraryBusy
from .findable import File, findable, from_columns, to_columns
from .lock import writing
from .parts import Damaged, Part, read_part, write_part
from .place import DERIVED, Place, Remote, derived_folder
from .rows import Moments, joined
from .search import mean_of
from .tables import tables_state

if TYPE_CHECKING:
    from .store import Store

FOLDER = DERIVED
STATE = "state.json"
FORMAT = 3
CHANGE = 0.2  # share of new and passed-over moments at which all is written anew
PARTS = 8  # more are not kept beside each other
FEW = 8192  # moments; so many are written anew as soon as not
GROUPED_FROM = 200_000  # moments; fewer are compared one and all
READS = 5  # attempts at reading both tables at one instant while a writer commits


@dataclass(frozen=True)
class Contents:
    """What a search needs.

    Attributes:
        tables: the state of the tables it was made from; see `tables_state`.
        files: each file that can be found, in order of path.
        parts: hold their moments, and perhaps others.
        centre: float32 [E], the mean of the moments' vectors.
    """

    tables: str | None
    files: list[File]
    parts: tuple[Part, ...]
    centre: NDArray[np.float32]

    @property
    def recall(self) -> float | None:
        """Of an approximate search, as measured when it was prepared; None if all is compared."""
        return min((part.clusters.recall for part in self.parts if part.clusters), default=None)

    @property
    def ungrouped(self) -> bool:
        """Are there so many moments that they should be grouped, and are not?"""
        first = self.parts[:1]  # later ones are a fifth of it at most
        return any(len(part.moments) >= GROUPED_FROM and not part.clusters for part in first)


def read(folder: Place) -> Contents | None:
    """What lies there, of whatever state of the tables; None if it is not there, or damaged."""
    for _ in range(2):  # a writer may have replaced it meanwhile
        try:
            state = json.loads((derived_folder(folder) / STATE).read_text("utf-8"))
            if state["format"] != FORMAT:
                return None
            parts = tuple(read_part(derived_folder(folder) / str(name)) for name in state["parts"])
            files = from_columns(state["files"])
            centre = np.array(state["centre"], np.float32)
            return Contents(str(state["tables"]), files, parts, centre)
        except (OSError, ValueError, KeyError, TypeError, IndexError, Damaged):
            continue
    return None


def gather(
    store: Store, folder: Place, before: Contents | None = None, place: Path | None = None
) -> Contents:
    """What a search needs as the tables stand at one instant.

    Should a writer commit faster than they can be read, the moments may be newer than the rows
    that name them: a moment can then be wanting, never wrong.

    Args:
        before: an earlier state, of which what is still good is used.
        place: where to write what is new; in memory if None.
    """
    for _ in range(READS):
        tables = tables_state(folder)
        videos = store.videos()
        named = {video.take: video.moments for video in videos if video.take}
        parts = _still_good(before.parts if before else (), named, store.size)
        held = {int(take) for part in parts for take in part.takes[0]}
        fresh = sorted(named.keys() - held)
        if fresh or not parts:
            chunks = store.chunks(fresh if parts else None)
            parts = (*parts, _new_part(chunks, store.size, place))
        if tables_state(folder) == tables:
            break
    return Contents(tables, findable(videos), parts, mean_of(parts))


def renew(store: Store, folder: Place, before: Contents | None, *, group_many: bool) -> Contents:
    """Gather and write it; only in memory where it cannot be written or another process does.

    Args:
        before: as it lies there.
        group_many: prepare approximate search if there are very many moments; takes a while.
    """
    place = derived_folder(folder)
    with suppress(OSError, LibraryBusy, CannotWrite):
        place.mkdir(exist_ok=True, parents=isinstance(folder, Remote))
        with writing(place):
            contents = gather(store, folder, before, place)
            if group_many and contents.ungrouped:
                first, *others = contents.parts
                contents = replace(contents, parts=(_grouped(first, place), *others))
            _name(contents, place)
            return contents
    return gather(store, folder, before)


def forget(folder: Place) -> None:
    """What lies there is of no use: it is made again when it is needed."""
    with suppress(OSError):
        (derived_folder(folder) / STATE).unlink()


def _still_good(parts: Sequence[Part], named: dict[int, int], size: int) -> tuple[Part, ...]:
    """The parts that are worth keeping, given the takes that files name."""
    if not parts or any(part.moments.vectors.shape[1] != size for part in parts):
        return ()
    good, held = 0, set[int]()
    for part in parts:
        for take, count in zip(*(column.tolist() for column in part.takes), strict=True):
            good += count if take in named else 0
            held.add(take)
    total = sum(len(part.moments) for part in parts)
    fresh = sum(count for take, count in named.items() if take not in held)
    beside = total - len(parts[0].moments)  # the first is the one that is searched fast
    changed = total - good + fresh + beside
    if changed > max(CHANGE * len(parts[0].moments), FEW):
        return ()
    return tuple(parts) if len(parts) < PARTS else tuple(parts[:1])


def _new_part(chunks: Iterable[Moments], size: int, place: Path | None) -> Part:
    if place is None:
        return Part(joined(list(chunks), size))
    return write_part(_unused(place), chunks, size)


def _grouped(part: Part, place: Path) -> Part:
    """The same moments, prepared for approximate search."""
    moments = part.moments
    order, clusters = grouped(moments.vectors)
    chunks = (moments.at(order[first : first + BLOCK]) for first in range(0, len(order), BLOCK))
    by_take = np.argsort(moments.take[order], kind="stable")
    return write_part(_unused(place), chunks, moments.vectors.shape[1], clusters, by_take)


def _unused(place: Path) -> Path:
    return place / f"{secrets.token_hex(8)}.part"


def _name(contents: Contents, place: Path) -> None:
    """Make these the parts that count, and delete the others."""
    names = [part.path.name for part in contents.parts if part.path]
    state = {
        "format": FORMAT,
        "tables": contents.tables,
        "parts": names,
        "files": to_columns(contents.files),
        "centre": contents.centre.tolist(),
    }
    unfinished = place / (STATE + ".new")
    with unfinished.open("w", encoding="utf-8") as file:
        json.dump(state, file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(place / STATE)
    for file_ in place.glob("*.part*"):
        if file_.name not in names:
            with suppress(OSError):  # in use, where the system minds
                file_.unlink()
