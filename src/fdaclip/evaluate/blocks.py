"""Ranks and metrics of a matrix that is too large to hold, strip by strip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fdaclip.evaluate.metrics import Metrics, metrics_of
from fdaclip.evaluate.ranks import Ranks, rank_answers
from fdaclip.evaluate.scores import Scores, Strip

Progress = Callable[[int, int], None]  # rows done, rows in all


@dataclass(frozen=True)
class Answers:
    """The right answers of every row: places in the matrix, in order of rows.

    Attributes:
        rows, columns: int [A].
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]

    @classmethod
    def of_owners(cls, owner: NDArray[np.integer]) -> Answers:
        """Each sentence's one right video, from `owner`, int [Q]."""
        return cls(np.arange(len(owner)), np.asarray(owner, np.intp))

    @property
    def transposed(self) -> Answers:
        """Rows and columns exchanged."""
        order = np.lexsort((self.rows, self.columns))
        return Answers(self.columns[order], self.rows[order])

    def within(self, start: int, stop: int) -> Answers:
        """Those of some rows, counted from `start`."""
        first, last = np.searchsorted(self.rows, (start, stop))
        return Answers(self.rows[first:last] - start, self.columns[first:last])

    def check(self, rows: int, columns: int) -> None:
        """Raise `ValueError` unless every one of so many rows has an answer that exists."""
        lacking = np.setdiff1d(np.arange(rows), self.rows)
        if len(lacking):
            raise ValueError(f"row {lacking[0]} has no right answer")
        if len(self.rows) and (self.rows[-1] >= rows or self.columns.max() >= columns):
            raise ValueError(f"a right answer lies outside the {rows} × {columns} scores")


@dataclass(frozen=True)
class Ranking:
    """One direction: the rank of every query, among so many candidates."""

    ranks: Ranks
    candidates: int

    @property
    def metrics(self) -> Metrics:
        """R@1, R@5, R@10, median and mean rank."""
        return metrics_of(self.ranks, self.candidates)


def rank_blocks(
    strips: Iterator[Strip],
    shape: tuple[int, int],
    answers: Answers,
    progress: Progress | None = None,
) -> Ranking:
    """Rank the right answers of every row; at no time more than a strip is held.

    Args:
        strips: the matrix from top to bottom, as `Scores.strips` gives it, or changed on the way.
        shape: of the matrix, R and C.
        answers: the right answers of every row.
        progress: called with rows done and rows in all.

    Raises:
        ValueError: a row has no right answer, or a score is NaN.
    """
    answers.check(*shape)
    parts = []
    for start, stop, scores in strips:
        here = answers.within(start, stop)
        parts.append(rank_answers(scores, here.rows, here.columns))
        if progress:
            progress(stop, shape[0])
    if not parts:
        raise ValueError("there is no query to rank")
    ranks = Ranks(
        mean=np.concatenate([part.mean for part in parts]),
        best=np.concatenate([part.best for part in parts]),
        worst=np.concatenate([part.worst for part in parts]),
    )
    return Ranking(ranks, shape[1])


def rank_both(
    scores: Scores, answers: Answers, progress: Progress | None = None
) -> dict[str, Ranking]:
    """``text_to_video`` of scores [Q,V], and ``video_to_text`` of their transpose.

    A video with several sentences is ranked by its best-placed one.
    """
    back = scores.transposed
    queries, videos = scores.shape

    def later(done: int, total: int) -> None:
        if progress:
            progress(done + queries, total + queries)

    def sooner(done: int, total: int) -> None:
        if progress:
            progress(done, total + videos)

    return {
        "text_to_video": rank_blocks(scores.strips(), scores.shape, answers, sooner),
        "video_to_text": rank_blocks(back.strips(), back.shape, answers.transposed, later),
    }
