"""Is a library sound? Its tables against each other, its vectors, and the files on disk."""

# Paths are strings here: os loses none of their bytes.
# ruff: noqa: PTH116

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from . import derived
from .names import from_key, whereabouts
from .place import Place
from .rows import COLUMNS, Moments, Video, joined
from .stamp import Stamp
from .store import Store
from .tables import tables_state

UNIT = 1e-3  # how far a vector's length may be from 1
TICK = 1e-6  # s, how far beyond its video's end a moment may end: rounding

Kind = Literal[
    "orphan",
    "dangling",
    "vector",
    "span",
    "shot",
    "thumbnail",
    "texts",
    "search",
    "missing",
    "returned",
    "changed",
    "offline",
]
LIGHT: frozenset[Kind] = frozenset({"thumbnail", "texts"})  # put right without indexing anew
DAMAGE: frozenset[Kind] = LIGHT | {"orphan", "dangling", "vector", "span", "shot", "search"}


@dataclass(frozen=True)
class Problem:
    """Something that is not as it should be.

    Attributes:
        kind: "orphan" (moments no file owns), "dangling" (a file whose moments are not all there),
            "vector" (not finite, or not of unit length), "span" (a moment that is empty or not
            within its video, or two with one start), "shot" (shots that are out of order),
            "thumbnail" (cannot be read), "texts" (not there), "search" (the vector file differs
            from the table), "missing" (the file is gone), "returned" (it was missing, and is there
            again as it was), "changed" (it is not what was indexed), "offline" (files on a disk
            that is not mounted).
        path: the file it is about, or the mount point; empty for orphans.
        detail: one line.
        repaired: was it put right?
    """

    kind: Kind
    path: str
    detail: str
    repaired: bool = False

    @property
    def damage(self) -> bool:
        """Is the library itself at fault, rather than a file that came or went?"""
        return self.kind in DAMAGE


def verify(folder: Place, store: Store, stamp: Stamp, repair: bool) -> list[Problem]:
    """Find what is wrong; with ``repair`` put it right.

    Repairing deletes orphans, forgets files whose moments are unsound (the next ``add`` indexes
    them anew), drops thumbnails that cannot be read and a vector file that is wrong, notes whose
    texts have to be read again, and marks files as missing or there. Changed files need an ``add``.
    """
    mapped = derived.read(folder)
    videos, moments = store.snapshot()
    problems = [*_damage(videos, moments, stamp), *_texts(videos, store), *_files(videos)]
    blind = list(_unreadable(store))
    owners: dict[int, list[str]] = {}
    for video in videos:
        owners.setdefault(video.take, []).append(from_key(video.path))
    for take, start, detail in blind:
        problems += [
            Problem("thumbnail", p, f"at {start:g} s: {detail}") for p in owners.get(take, [])
        ]
    if mapped and mapped.tables == tables_state(folder) and not _agree(mapped, moments):
        problems.append(Problem("search", "", "the vector file differs from the table"))
        if repair:
            derived.forget(folder)
    if not repair:
        return problems
    unsound = {p.path for p in problems if p.damage and p.path and p.kind not in LIGHT}
    wordless = {problem.path for problem in problems if problem.kind == "texts"}
    present = {p.path: p.kind == "returned" for p in problems if p.kind in ("missing", "returned")}
    store.forget(video.path for video in videos if from_key(video.path) in unsound)
    rows = [(video, from_key(video.path)) for video in videos]
    store.commit(
        {},
        [
            replace(
                video,
                present=present.get(path, video.present),
                words=0 if path in wordless else video.words,
                sidecars="" if path in wordless else video.sidecars,
            )
            for video, path in rows
            if (path in present or path in wordless) and path not in unsound
        ],
    )
    for take, start, _ in blind:
        store.drop_thumbnail(take, start)
    if moments.vectors.shape[1] != stamp.embedding_size:
        store.drop_moments(stamp.embedding_size)
    store.drop_orphans()
    return [
        replace(problem, repaired=problem.kind not in ("changed", "offline"))
        for problem in problems
    ]


def _damage(videos: list[Video], moments: Moments, stamp: Stamp) -> Iterator[Problem]:
    """What is wrong between the tables, and in the moments."""
    owners: dict[int, list[Video]] = {}
    for video in videos:
        owners.setdefault(video.take, []).append(video)
    counts = Counter(moments.take.tolist())
    for take, count in counts.items():
        if take not in owners:
            yield Problem("orphan", "", f"{count} moments belong to no file")
    for video in videos:
        count = counts[video.take]
        if count != video.moments:
            detail = f"{count} of its {video.moments} moments are there"
            yield Problem("dangling", from_key(video.path), detail)
        elif (video.state == "bad") != (count == 0):
            yield Problem("dangling", from_key(video.path), f"{video.state}, with {count} moments")
    size = moments.vectors.shape[1]
    if size != stamp.embedding_size:
        detail = f"vectors have {size} elements, the stamp says {stamp.embedding_size}"
        yield Problem("vector", "", detail)
        for video in videos:
            if counts[video.take]:
                yield Problem("vector", from_key(video.path), detail)
        return
    for kind, bad, what in (
        ("vector", _bad_vectors(moments), "vectors are not finite or not of unit length"),
        ("span", _bad_spans(moments, owners), "moments have no valid span"),
        ("shot", _bad_shots(moments), "moments lie in a shot before that of the one before them"),
    ):
        for take, count in Counter(moments.take[bad].tolist()).items():
            for video in owners.get(take, []):
                yield Problem(cast("Kind", kind), from_key(video.path), f"{count} {what}")


def _agree(mapped: derived.Contents, moments: Moments) -> bool:
    """Does the vector file hold the moments that can be found, and as they are in the table?"""
    takes = np.unique([file.take for file in mapped.files])
    both = [joined([part.moments for part in mapped.parts], moments.vectors.shape[1]), moments]
    rows = [np.flatnonzero(np.isin(one.take, takes)) for one in both]
    order = [
        some[np.lexsort((one.start[some], one.take[some]))]
        for one, some in zip(both, rows, strict=True)
    ]
    return len(order[0]) == len(order[1]) and all(
        np.array_equal(
            getattr(both[0], name)[order[0]], getattr(both[1], name)[order[1]], equal_nan=True
        )
        for name in (*COLUMNS, "vectors")
    )


def _bad_vectors(moments: Moments) -> NDArray[np.bool_]:
    """Which are not finite or not of unit length, [M]."""
    with np.errstate(over="ignore", invalid="ignore"):
        lengths: NDArray[np.float32] = np.linalg.norm(moments.vectors, axis=1)
    good: NDArray[np.bool_] = np.abs(lengths - 1) <= UNIT  # a NaN is not
    return ~good


def _bad_spans(moments: Moments, owners: dict[int, list[Video]]) -> NDArray[np.bool_]:
    """Which are empty, not within their video, or start when another does, [M]."""
    durations = {take: min(video.duration for video in owning) for take, owning in owners.items()}
    takes, starts = moments.take.tolist(), moments.start.tolist()
    last = np.array([durations.get(take, np.inf) for take in takes]) + TICK
    valid: NDArray[np.bool_] = (
        (moments.start >= 0) & (moments.start < moments.end) & (moments.end <= last)
    )
    spans = list(zip(takes, starts, strict=True))
    times = Counter(spans)
    valid &= np.array([times[span] == 1 for span in spans], bool)
    return ~valid


def _bad_shots(moments: Moments) -> NDArray[np.bool_]:
    """Which have a shot below 0, or below that of an earlier moment of their take, [M]."""
    order = np.lexsort((moments.start, moments.take))
    take, shot = moments.take[order], moments.shot[order]
    bad = np.zeros(len(moments), bool)
    bad[order[1:]] = (take[1:] == take[:-1]) & (shot[1:] < shot[:-1])
    found: NDArray[np.bool_] = bad | (moments.shot < 0)
    return found


def _texts(videos: list[Video], store: Store) -> Iterator[Problem]:
    """Texts that no file owns, and files whose texts are not there."""
    there, named = set(store.editions().tolist()), {video.words for video in videos}
    if unowned := there - named:
        yield Problem("orphan", "", f"{len(unowned)} editions of texts belong to no file")
    for video in videos:
        if video.words and video.words not in there:
            yield Problem("texts", from_key(video.path), "its texts are not there")


def _unreadable(store: Store) -> Iterator[tuple[int, float, str]]:
    """Take and start of moments whose thumbnail is no picture, or not of theirs; and why."""
    from PIL import Image

    for take, start, end, time, picture in store.thumbnails():
        if picture is None:
            if not np.isnan(time):
                yield take, start, "its thumbnail is not there"
            continue
        if not start - TICK <= time <= end + TICK:
            yield take, start, "its thumbnail is of another time"
            continue
        try:
            with Image.open(BytesIO(picture)) as opened:
                opened.load()
        except (OSError, ValueError, SyntaxError):
            yield take, start, "its thumbnail cannot be read"


def _files(videos: list[Video]) -> list[Problem]:
    problems, away = [], Counter[str]()
    for video in videos:
        path = from_key(video.path)
        place = whereabouts(path, video.mount)
        if place == "offline":
            away[video.mount] += 1
            continue
        if place == "gone":
            if video.present:
                problems.append(Problem("missing", path, "the file is gone"))
            continue
        try:
            status = os.stat(path)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            problems.append(Problem("changed", path, f"cannot be looked at: {reason}"))
            continue
        if (status.st_size, status.st_mtime_ns) != (video.size, video.mtime_ns):
            problems.append(Problem("changed", path, "the file has changed since it was indexed"))
        elif not video.present:
            problems.append(Problem("returned", path, "the file is back"))
    for mount, count in sorted(away.items()):
        detail = f"{count} files are on a disk that is not mounted; they stay searchable"
        problems.append(Problem("offline", from_key(mount), detail))
    return problems
