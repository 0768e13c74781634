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
    lowest = -np.inf if np.issubdtype(scores.dtype, np.floating) else np.iinfo(scores.dtype).min
    answer = np.where(right, scores, lowest).max(axis=1, keepdims=True, initial=lowest)
    wrong = ~right
    above = ((scores > answer) & wrong).sum(axis=1)
    level = ((scores == answer) & wrong).sum(axis=1)
    return Ranks(mean=1.0 + above + level / 2, best=1 + above, worst=1 + above + level)
