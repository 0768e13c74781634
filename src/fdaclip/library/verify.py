"""Is a library sound? Its tables against each other, its vectors, and the files on disk."""

# Paths are strings here: os loses none of their bytes.
# ruff: noqa: PTH116

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from .ingest import is_gone
from .names import from_key
from .stamp import Stamp
from .store import Moments, Store, Video

UNIT = 1e-3  # how far a vector's length may be from 1
TICK = 1e-6  # s, how far beyond its video's end a moment may end: rounding

Kind = Literal["orphan", "dangling", "vector", "span", "missing", "returned", "changed"]
DAMAGE: frozenset[Kind] = frozenset({"orphan", "dangling", "vector", "span"})


@dataclass(frozen=True)
class Problem:
    """Something that is not as it should be.

    Attributes:
        kind: "orphan" (moments no file owns), "dangling" (a file whose moments are not all there),
            "vector" (not finite, or not of unit length), "span" (a moment that is empty or not
            within its video, or two with one start), "missing" (the file is gone), "returned" (it
            was missing, and is there again as it was), "changed" (it is not what was indexed).
        path: the file it is about; empty for orphans.
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


def verify(store: Store, stamp: Stamp, repair: bool) -> list[Problem]:
    """Find what is wrong; with ``repair`` put it right.

    Repairing deletes orphans, forgets files whose moments are unsound (the next ``add`` indexes
    them anew), and marks files as missing or there. Changed files need an ``add``.
    """
    videos, moments = store.snapshot()
    problems = [*_damage(videos, moments, stamp), *_files(videos)]
    if not repair:
        return problems
    unsound = {problem.path for problem in problems if problem.damage and problem.path}
    present = {p.path: p.kind == "returned" for p in problems if p.kind in ("missing", "returned")}
    store.forget(video.path for video in videos if from_key(video.path) in unsound)
    rows = [(video, from_key(video.path)) for video in videos]
    store.commit(
        {},
        [
            replace(video, present=present[path])
            for video, path in rows
            if path in present and path not in unsound
        ],
    )
    if moments.vectors.shape[1] != stamp.embedding_size:
        store.drop_moments(stamp.embedding_size)
    store.drop_orphans()
    return [replace(problem, repaired=problem.kind != "changed") for problem in problems]


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
    ):
        for take, count in Counter(moments.take[bad].tolist()).items():
            for video in owners.get(take, []):
                yield Problem(cast("Kind", kind), from_key(video.path), f"{count} {what}")


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


def _files(videos: list[Video]) -> list[Problem]:
    problems = []
    for video in videos:
        path = from_key(video.path)
        if is_gone(path):
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
    return problems
