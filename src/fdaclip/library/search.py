"""Exact search: one dot product per moment.

Shapes: M moments, E embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .names import from_key
from .store import Moments, Video


@dataclass(frozen=True)
class Hit:
    """A moment that answers a sentence.

    Attributes:
        path: of the video; undecodable bytes are surrogates, as Python's ``os`` gives them.
        start, end: s from the video's start.
        score: cosine of sentence and moment, -1 to 1.
        motion: mean energy of what moves in it, 0 to 1.
        share: mean share of the picture that moves. moving: share of its frames with motion.
        also: other files with the same content.
    """

    path: str
    start: float
    end: float
    score: float
    motion: float
    share: float
    moving: float
    also: tuple[str, ...] = ()


class Index:
    """All moments of the files that are present, in memory, ready to be ranked."""

    def __init__(self, videos: Sequence[Video], moments: Moments) -> None:
        self._paths: dict[int, list[str]] = {}
        for video in sorted(videos, key=lambda video: video.path):
            if video.present and video.take:
                self._paths.setdefault(video.take, []).append(from_key(video.path))
        order = {take: number for number, take in enumerate(self._paths)}
        place = np.array([order.get(take, -1) for take in moments.take.tolist()], np.int64)
        self._rows: NDArray[np.int64] = np.flatnonzero(place >= 0)
        self._place = place[self._rows]
        self._vectors = moments.vectors if (place >= 0).all() else moments.vectors[self._rows]
        self._moments = moments

    def rank(self, query: NDArray[np.float32], limit: int) -> list[Hit]:
        """The ``limit`` best moments for a vector float32 [E]; ties in order of path, then time."""
        scores = self._vectors @ query  # [M]
        limit = min(limit, len(scores))
        if limit <= 0:
            return []
        worst = np.partition(scores, len(scores) - limit)[len(scores) - limit]
        best = np.flatnonzero(scores >= worst)
        starts = self._moments.start[self._rows[best]]
        order = np.lexsort((starts, self._place[best], -scores[best]))
        return [self._hit(index, float(scores[index])) for index in best[order][:limit].tolist()]

    def _hit(self, index: int, score: float) -> Hit:
        row = int(self._rows[index])
        moments = self._moments
        path, *also = self._paths[int(moments.take[row])]
        return Hit(
            path=path,
            start=float(moments.start[row]),
            end=float(moments.end[row]),
            score=score,
            motion=float(moments.energy[row]),
            share=float(moments.share[row]),
            moving=float(moments.moving[row]),
            also=tuple(also),
        )
