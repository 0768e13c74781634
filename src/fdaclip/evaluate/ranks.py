"""The one rank function: where the right answer stands in each query's ranking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Ranks:
    """Rank of each query's best-placed right answer, counted from 1.

    Attributes:
        mean: float64 [Q], its rank where ties share the mean of the ranks they span.
        best: int64 [Q], its rank if every tie were broken in its favour.
        worst: int64 [Q], its rank if every tie were broken against it.
    """

    mean: NDArray[np.float64]
    best: NDArray[np.int64]
    worst: NDArray[np.int64]


def rank_queries(similarity: ArrayLike, correct: ArrayLike) -> Ranks:
    """Rank the right answers of every query.

    Args:
        similarity: [Q,V], higher is more alike; Q and V need not be equal.
        correct: bool [Q,V], true where a video answers a query; several per query are allowed,
            and the best placed of them counts (so MSVD's video-to-text direction takes a video's
            best caption).

    Ties count against the query: a right answer that shares its score with k wrong ones has the
    mean of the k + 1 ranks they span. Other right answers never push a query down.

    Raises:
        ValueError: on NaN, shapes that do not fit, or a query without a right answer.
    """
    scores = np.asarray(similarity)
    right = np.asarray(correct)
    if scores.ndim != 2 or scores.shape != right.shape:
        raise ValueError(
            f"similarity and correct must be the same [Q,V]: got {scores.shape} and {right.shape}"
        )
    if right.dtype != np.bool_:
        raise ValueError(f"correct must be boolean, not {right.dtype}")
    if np.isnan(scores).any():
        rows = np.flatnonzero(np.isnan(scores).any(axis=1))
        raise ValueError(
            f"similarity has NaN in {len(rows)} of {len(scores)} rows, first {rows[0]}"
        )
    if len(scores) and not right.any(axis=1).all():
        row = int(np.flatnonzero(~right.any(axis=1))[0])
        raise ValueError(f"query {row} has no right answer")
    return rank_answers(scores, *np.nonzero(right))


def rank_answers(
    scores: NDArray[np.floating], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> Ranks:
    """As `rank_queries`, with the right answers as a list of places, and nothing checked.

    No right answer stands above a query's best one, so that all that is counted above it is wrong.

    Args:
        scores: [Q,V] without NaN.
        rows, columns: int [A], places of the A right answers in order of rows; all rows occur.
    """
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    own = scores[rows, columns]  # [A]
    answer = np.maximum.reduceat(own, starts) if len(starts) else own  # [Q]
    above = np.count_nonzero(scores > answer[:, None], axis=1)
    level = np.count_nonzero(scores == answer[:, None], axis=1)
    if len(starts):
        level = level - np.add.reduceat((own == answer[rows]).astype(np.intp), starts)
    return Ranks(mean=1.0 + above + level / 2, best=1 + above, worst=1 + above + level)
