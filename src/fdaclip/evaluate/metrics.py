"""Retrieval metrics of a similarity matrix, in both directions."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fdaclip.evaluate.ranks import Ranks, rank_queries


class Metrics(TypedDict):
    """Percent for recall at k; ranks counted from 1."""

    r1: float
    r5: float
    r10: float
    median_rank: float
    mean_rank: float
    queries: int
    candidates: int
    tied: int  # queries whose right answer shares its score with a wrong one


def recall_at(ranks: Ranks, k: int) -> float:
    """Share of queries, in percent, whose right answer is among the first ``k``."""
    return 100.0 * float((ranks.mean <= k).mean())


def metrics(similarity: ArrayLike, correct: ArrayLike) -> Metrics:
    """R@1, R@5, R@10, median and mean rank of one direction.

    Args and errors are those of :func:`fdaclip.evaluate.rank_queries`; no query at all is an
    error too.
    """
    return metrics_of(rank_queries(similarity, correct), np.asarray(similarity).shape[1])


def metrics_of(ranks: Ranks, candidates: int) -> Metrics:
    """The metrics of queries that are ranked already, each among so many candidates.

    Raises:
        ValueError: there is no query.
    """
    if not len(ranks.mean):
        raise ValueError("there is no query to rank")
    return Metrics(
        r1=recall_at(ranks, 1),
        r5=recall_at(ranks, 5),
        r10=recall_at(ranks, 10),
        median_rank=float(np.median(ranks.mean)),
        mean_rank=float(ranks.mean.mean()),
        queries=len(ranks.mean),
        candidates=candidates,
        tied=int((ranks.best != ranks.worst).sum()),
    )


def both_directions(similarity: ArrayLike, correct: ArrayLike) -> dict[str, Metrics]:
    """``text_to_video`` from [Q,V], and ``video_to_text`` from its transpose.

    A video with several captions is scored by its best-ranked one.
    """
    scores, right = np.asarray(similarity), np.asarray(correct)
    return {
        "text_to_video": metrics(scores, right),
        "video_to_text": metrics(scores.T, right.T),
    }


def correct_answers(video_of_query: ArrayLike, videos: int) -> NDArray[np.bool_]:
    """bool [Q,V] from the index of each query's one right video."""
    index = np.asarray(video_of_query)
    mask = np.zeros((len(index), videos), bool)
    mask[np.arange(len(index)), index] = True
    return mask
