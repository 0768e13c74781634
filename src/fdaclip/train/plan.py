"""Which clips and sentences make up which batch: a function of the seed and the step alone.

Nothing is carried from one step to the next, so that a run goes on anywhere as if it had never
stopped, and every process of a distributed run knows the joint batch without being told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

ORDER, SENTENCES, CLIP = range(3)  # what a stream of random numbers is for


@dataclass(frozen=True)
class Draw:
    """One clip of a batch.

    Attributes:
        epoch: counted from 0.
        video: index of the clip.
        sentences: which of its own go with it.
    """

    epoch: int
    video: int
    sentences: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """The batches of a run.

    Attributes:
        sentences: how many each of the V videos has.
        batch: clips a step, no more than there are in an epoch.
        each: sentences drawn for each clip; all of a video's if it has fewer.
        epoch: a pass over the `videos`, or over all `pairs` of a video and one of its sentences.
        seed: of the order and the choice.
    """

    sentences: tuple[int, ...]
    batch: int
    each: int = 1
    epoch: Literal["videos", "pairs"] = "videos"
    seed: int = 0

    @property
    def rows(self) -> int:
        """Clips in an epoch, what does not fill a batch included."""
        return len(self.sentences) if self.epoch == "videos" else sum(self.sentences)

    @property
    def steps_an_epoch(self) -> int:
        """Batches in an epoch; the rest that does not fill one is left out of it."""
        return self.rows // self.size

    @property
    def size(self) -> int:
        """Clips in a batch."""
        return min(self.batch, self.rows)

    def at(self, step: int) -> list[Draw]:
        """The joint batch of a step, counted from 0.

        In an epoch over videos a clip occurs at most once; over pairs, each pair does.
        """
        epoch, place = divmod(step, self.steps_an_epoch)
        rows = _order(self.rows, self.seed, epoch)[place * self.size : (place + 1) * self.size]
        if self.epoch == "pairs":
            starts = _starts(self.sentences)
            videos = np.searchsorted(starts, rows, side="right") - 1
            return [
                Draw(epoch, int(v), (int(row - starts[v]),))
                for row, v in zip(rows, videos, strict=True)
            ]
        return [Draw(epoch, int(v), self._chosen(epoch, int(v))) for v in rows]

    def _chosen(self, epoch: int, video: int) -> tuple[int, ...]:
        rng = stream(self.seed, SENTENCES, epoch, video)
        count = self.sentences[video]
        if self.each == 1:
            return (int(rng.integers(count)),)
        return tuple(map(int, rng.permutation(count)[: self.each]))


def stream(*numbers: int) -> np.random.Generator:
    """Random numbers of their own for each combination of whole numbers."""
    return np.random.default_rng(numbers)


def share(rows: Sequence[Draw], rank: int, processes: int) -> Sequence[Draw]:
    """The part of a joint batch that one of several processes encodes."""
    part = len(rows) // processes
    return rows[rank * part : (rank + 1) * part]


@lru_cache(maxsize=2)
def _order(rows: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return stream(seed, ORDER, epoch).permutation(rows)


@lru_cache(maxsize=2)
def _starts(sentences: tuple[int, ...]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(sentences)])
