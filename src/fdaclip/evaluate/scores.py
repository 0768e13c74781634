"""The matrix of all scores, in strips: it is never held whole.

Shapes: Q sentences, V videos, E embedding; R rows and C columns are Q and V, or V and Q.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Features = tuple[NDArray[Any], ...]  # dimension 0 of each is the sentence or the video

CELLS = 2**24  # scores of a strip: 64 MiB of float32


@dataclass(frozen=True)
class Score:
    """How well sentences fit videos.

    Attributes:
        pair: features of q sentences and of v videos → [q,v], higher is more alike. Each score must
            depend on its own sentence and video alone.
        floats: held by `pair` for each score while it works, so that its blocks can be bounded.
    """

    pair: Callable[[Features, Features], NDArray[np.floating]]
    floats: int = 1


def cosine(texts: Features, videos: Features) -> NDArray[np.floating]:
    """Dot products of vectors, [q,E] and [v,E] → [q,v]: cosines where both are of unit length."""
    product: NDArray[np.floating] = texts[0] @ videos[0].T
    return product


COSINE = Score(cosine)


class Strip(NamedTuple):
    """Rows `start` to `stop` of the matrix, with all their columns: `scores` is [stop−start,C]."""

    start: int
    stop: int
    scores: NDArray[np.floating]


@dataclass(frozen=True)
class Scores:
    """The scores of all rows against all columns, computed when they are asked for.

    Rows or columns that are equal to the bit are scored once: a matrix product may round equal
    vectors apart, depending on their place in it, and ties must be seen as ties.

    Attributes:
        rows, columns: what is scored, each distinct one once.
        row_of, column_of: int [R] and [C], where each row and column stands among these.
        score: how; `rows` are its sentences, unless `flipped`.
        cells: scores in a strip, at most (but at least one row).
    """

    rows: Features
    columns: Features
    row_of: NDArray[np.intp]
    column_of: NDArray[np.intp]
    score: Score
    flipped: bool = False
    cells: int = CELLS

    @classmethod
    def of(
        cls, texts: Features, videos: Features, score: Score = COSINE, cells: int = CELLS
    ) -> Scores:
        """Sentences as rows, videos as columns.

        Raises:
            ValueError: the features of one side differ in number, or hold NaN or infinity.
        """
        for name, features in (("text", texts), ("video", videos)):
            counts = {len(array) for array in features}
            if len(counts) != 1:
                raise ValueError(f"{name} features of one length are needed, not {sorted(counts)}")
            if not all(np.isfinite(array).all() for array in features):
                raise ValueError(f"{name} features hold NaN or infinity")
        rows, row_of = distinct(texts)
        columns, column_of = distinct(videos)
        return cls(rows, columns, row_of, column_of, score, cells=cells)

    @property
    def shape(self) -> tuple[int, int]:
        """R and C."""
        return len(self.row_of), len(self.column_of)

    @property
    def transposed(self) -> Scores:
        """Videos as rows, sentences as columns; or back."""
        return replace(
            self,
            rows=self.columns,
            columns=self.rows,
            row_of=self.column_of,
            column_of=self.row_of,
            flipped=not self.flipped,
        )

    def strips(self) -> Iterator[Strip]:
        """The whole matrix from top to bottom.

        Raises:
            ValueError: a score is NaN.
        """
        count, columns = self.shape
        height = max(1, self.cells // max(1, columns))
        for start in range(0, count, height):
            stop = min(start + height, count)
            yield Strip(start, stop, self.of_rows(np.arange(start, stop)))

    def of_rows(self, which: NDArray[np.intp]) -> NDArray[np.floating]:
        """Scores [R',C] of some rows.

        Raises:
            ValueError: a score is NaN.
        """
        needed, back = np.unique(self.row_of[which], return_inverse=True)
        strip = self._computed(taken(self.rows, needed))
        if np.isnan(strip.min(initial=0)):
            raise ValueError("a score is NaN")
        if len(needed) != len(which) or (np.diff(back) < 0).any():
            strip = strip[back]
        everything = len(self.column_of) == strip.shape[1]  # then in order, by `distinct`
        return strip if everything else strip[:, self.column_of]

    def _computed(self, rows: Features) -> NDArray[np.floating]:
        """Scores of distinct rows and columns, in tiles that `Score.floats` allows."""
        wide = len(self.columns[0])
        tile = max(1, self.cells // (self.score.floats * max(1, len(rows[0]))))
        if self.score.floats == 1 or tile >= wide:
            return self._tile(rows, self.columns)
        parts = [
            self._tile(rows, taken(self.columns, slice(at, at + tile)))
            for at in range(0, wide, tile)
        ]
        return np.concatenate(parts, axis=1)

    def _tile(self, rows: Features, columns: Features) -> NDArray[np.floating]:
        return self.score.pair(columns, rows).T if self.flipped else self.score.pair(rows, columns)


def taken(features: Features, which: Any) -> Features:
    """Some of the sentences or videos."""
    return tuple(array[which] for array in features)


def distinct(features: Features) -> tuple[Features, NDArray[np.intp]]:
    """Each distinct row once, in order of first appearance, and where every row stands in them."""
    seen: dict[bytes, int] = {}
    place = np.empty(len(features[0]), np.intp)
    first: list[int] = []
    for i in range(len(place)):
        digest = hashlib.blake2b(digest_size=16)
        for array in features:
            digest.update(np.ascontiguousarray(array[i]).data)
        place[i] = seen.setdefault(digest.digest(), len(seen))
        if place[i] == len(first):
            first.append(i)
    if len(first) == len(place):
        return features, place
    return taken(features, first), place
