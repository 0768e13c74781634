"""Each sentence's right video beside its strongest rival: how clear an answer is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fdaclip.evaluate.blocks import Answers
from fdaclip.evaluate.scores import Scores


@dataclass(frozen=True)
class Contests:
    """For Q sentences of one right video each.

    Attributes:
        right: float64 [Q], score of the right video.
        rival: int [Q], the best wrong video. rival_score: float64 [Q].
    """

    right: NDArray[np.float64]
    rival: NDArray[np.intp]
    rival_score: NDArray[np.float64]

    @property
    def margin(self) -> NDArray[np.float64]:
        """By how much the right video leads, [Q]; negative where it lost."""
        return self.right - self.rival_score


def contests(scores: Scores, answers: Answers) -> Contests:
    """Right video and best rival of every sentence, strip by strip.

    Raises:
        ValueError: there is one video only, hence no rival.
    """
    if scores.shape[1] < 2:
        raise ValueError("a single video has no rival")
    right, rival, score = [], [], []
    for start, stop, strip in scores.strips():
        own = answers.within(start, stop)
        others = strip.astype(np.float64)
        right.append(others[own.rows, own.columns])
        others[own.rows, own.columns] = -np.inf
        rival.append(others.argmax(axis=1))
        score.append(others.max(axis=1))
    return Contests(*map(np.concatenate, (right, rival, score)))


@dataclass(frozen=True)
class Choice:
    """Sentences worth a look, by index; at most one of each video in a list."""

    best: list[int]
    confused: list[int]
    worst: list[int]


def choose(
    found: Contests, ranks: NDArray[np.float64], owner: NDArray[np.int64], count: int
) -> Choice:
    """The clearest right answers, the narrowest wrong ones, and the right videos ranked lowest.

    Args:
        ranks: float64 [Q], text to video. owner: int64 [Q]. count: of each list, at most.
    """
    right = ranks <= 1
    best = np.lexsort((-found.margin, ~right))
    confused = np.lexsort((-found.margin, right))
    worst = np.lexsort((found.margin, -ranks))
    return Choice(
        best=of_different_videos(best[right[best]], owner, count),
        confused=of_different_videos(confused[~right[confused]], owner, count),
        worst=of_different_videos(worst[~right[worst]], owner, count),
    )


def of_different_videos(order: NDArray[np.intp], owner: NDArray[np.int64], count: int) -> list[int]:
    """The first sentences of an order, one a video."""
    _, first = np.unique(owner[order], return_index=True)
    return [int(i) for i in order[np.sort(first)[:count]]]
