"""Is a library sound? Its tables against each other, its vectors, and the files on disk."""

# Paths are strings here: os loses none of their bytes.
# ruff: noqa: PTH116

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from .ingest import is_gone
from .names import from_key
from .stamp import Stamp
from .store import Moments, Store, Video

UNIT = 1e-3  # how far a vector's length may be from 1

Kind = Literal["orphan", "dangling", "vector", "span", "missing", "changed"]
DAMAGE: frozenset[Kind] = frozenset({"orphan", "dangling", "vector", "span"})


@dataclass(frozen=True)
class Problem:
    """Something that is not as it should be.

    Attributes:
        kind: "orphan" (moments no file owns), "dangling" (a file whose moments are not all there),
            "vector" (not finite, or not of unit length), "span" (a moment that ends before it
            starts, or two with one start), "missing" (the file is gone), "changed" (it is
            newer than its moments, or back).
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
    them anew) and marks missing files as such. Changed files need an ``add``.
    """
    videos, moments = store.snapshot()
    problems = [*_damage(videos, moments, stamp), *_files(videos)]
    if not repair:
        return problems
    unsound = {problem.path for problem in problems if problem.damage and problem.path}
    missing = {problem.path for problem in problems if problem.kind == "missing"}
    rows = [video for video in videos if from_key(video.path) in missing - unsound]
    store.forget(video.path for video in videos if from_key(video.path) in unsound)
    store.commit({}, [replace(video, present=False) for video in rows])
    store.drop_orphans()
    return [replace(problem, repaired=problem.kind != "changed") for problem in problems]


def _damage(videos: list[Video], moments: Moments, stamp: Stamp) -> list[Problem]:
    problems = []
    owners: dict[int, list[Video]] = {}
    for video in videos:
        if video.take:
            owners.setdefault(video.take, []).append(video)
    counts = Counter(moments.take.tolist())
    for take, count in counts.items():
        if take not in owners:
            problems.append(Problem("orphan", "", f"{count} moments belong to no file"))
    for take, owning in owners.items():
        if counts[take] != owning[0].moments:
            detail = f"{counts[take]} of its {owning[0].moments} moments are there"
            problems += [Problem("dangling", from_key(video.path), detail) for video in owning]
    if moments.vectors.shape[1] != stamp.embedding_size:
        size = moments.vectors.shape[1]
        detail = f"vectors have {size} elements, the stamp says {stamp.embedding_size}"
        problems.append(Problem("vector", "", detail))
    lengths = np.linalg.norm(moments.vectors, axis=1)  # [M]
    bad_vectors = Counter(moments.take[~(np.abs(lengths - 1) <= UNIT)].tolist())
    spans = zip(moments.take.tolist(), moments.start.tolist(), strict=True)
    twice = [take for (take, _), count in Counter(spans).items() if count > 1]
    bad_spans = Counter(twice + moments.take[~(moments.end > moments.start)].tolist())
    for kind, found, what in (
        ("vector", bad_vectors, "vectors are not finite or not of unit length"),
        ("span", bad_spans, "moments have no valid span"),
    ):
        for take, count in found.items():
            for video in owners.get(take, []):
                problems.append(Problem(kind, from_key(video.path), f"{count} {what}"))  # type: ignore[arg-type]
    return problems


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
            problems.append(Problem("changed", path, "the file is back"))
    return problems
