"""How far a figure may be off by the choice of videos: bootstrap intervals.

Shapes: Q queries, V videos, B resamples.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
RESAMPLES = 1000
CELLS = 2**22  # numbers held at once

Interval = tuple[float, float]


def intervals(
    ranks: NDArray[np.float64],
    video: NDArray[np.integer],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """95 % percentile intervals of R@1, R@5, R@10, median and mean rank.

    Videos are drawn with replacement, each with all of its queries: two sentences of one video are
    no independent evidence. The candidates stay those of the whole test set (Efron and Tibshirani
    1993, chapters 8.5 and 13.3).

    Args:
        ranks: float64 [Q], mean ranks. video: int [Q], which video each query belongs to.
        resamples: B. seed: of the draws.

    Returns:
        By the names of `Metrics`. Empty if `resamples` is 0.
    """
    if not resamples:
        return {}
    groups, owner = np.unique(video, return_inverse=True)
    count = len(groups)
    figures = np.stack([ranks <= 1, ranks <= 5, ranks <= 10, ranks, np.ones_like(ranks)])
    sums = np.stack([np.bincount(owner, row, minlength=count) for row in figures], axis=1)  # [V,5]
    order = np.argsort(ranks, kind="stable")
    drawn = []
    for weights in resampled(count, resamples, seed, per_row=len(ranks)):  # [B',V]
        total = weights @ sums  # [B',5]
        means = total[:, :4] / total[:, 4:]
        means[:, :3] *= 100
        medians = weighted_medians(ranks[order], weights[:, owner[order]])
        drawn.append(np.column_stack([means, medians]))
    names = ("r1", "r5", "r10", "mean_rank", "median_rank")
    return dict(zip(names, map(percentiles, np.concatenate(drawn).T), strict=True))


def resampled(count: int, resamples: int, seed: int, per_row: int) -> Iterator[NDArray[np.float64]]:
    """How often each of `count` groups is drawn, float64 [B',count], until all B rows are given."""
    rng = np.random.default_rng(seed)
    rows = max(1, CELLS // max(count, per_row))
    for at in range(0, resamples, rows):
        now = min(rows, resamples - at)
        draws = rng.integers(0, count, (now, count)) + np.arange(now)[:, None] * count
        yield np.bincount(draws.ravel(), minlength=now * count).reshape(now, count).astype(float)


def weighted_medians(
    values: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Medians [B] of values [Q], ascending, each repeated as whole weights [B,Q] say."""
    upto = np.cumsum(weights, axis=1)
    total = upto[:, -1].astype(np.int64)
    low = [np.searchsorted(row, (n - 1) // 2, "right") for row, n in zip(upto, total, strict=True)]
    high = [np.searchsorted(row, n // 2, "right") for row, n in zip(upto, total, strict=True)]
    medians: NDArray[np.float64] = (values[low] + values[high]) / 2
    return medians


def percentiles(draws: NDArray[np.float64]) -> Interval:
    """The middle 95 % of draws."""
    low, high = np.quantile(draws, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return float(low), float(high)
