"""Several rankings of the same things become one.

Reciprocal rank fusion: Cormack, Clarke, Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and
individual Rank Learning Methods", SIGIR 2009. A thing scores the sum of 1 / (60 + its rank) over
the rankings it is in, so that scores of different kinds need not be compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

K = 60  # the paper's; how little the first places differ

T = TypeVar("T")


def reciprocal_rank_fusion(rankings: Iterable[Mapping[T, float]], k: float = K) -> dict[T, float]:
    """What each thing scores, highest is best.

    Args:
        rankings: the rank of each thing that is in it, from 1; things that tie share the mean of
            their ranks, see `ranks`.
    """
    scores: dict[T, float] = {}
    for ranking in rankings:
        for thing, rank in ranking.items():
            scores[thing] = scores.get(thing, 0.0) + 1.0 / (k + rank)
    return scores


def ranks(scored: Sequence[tuple[T, float]]) -> dict[T, float]:
    """The rank of each by its score, highest first, from 1; those that tie share their mean rank.

    So what fits many equally well says little for any of them.
    """
    ordered = sorted(scored, key=lambda one: -one[1])
    found: dict[T, float] = {}
    first = 0
    while first < len(ordered):
        last = first
        while last + 1 < len(ordered) and ordered[last + 1][1] == ordered[first][1]:
            last += 1
        for thing, _ in ordered[first : last + 1]:
            found[thing] = (first + last) / 2 + 1
        first = last + 1
    return found
