"""Clips decoded ahead of the model, in processes of their own."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

AHEAD = 3  # clips a worker may be ahead of the model


class ClipSource(Protocol):
    """Clips by index, uint8 [T,4,S,S] each: a list of arrays, or `fdaclip.data.Clips`.

    If it has a method `view(i)` that gives a clip's `rgba` with `energy` and `share` of each frame,
    as `Clips` has, motion is known too. It is pickled where there are workers.
    """

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> NDArray[np.uint8]: ...


@dataclass(frozen=True)
class Look:
    """One clip as a model sees it, uint8 [T,4,S,S], and how much moves in it.

    Attributes:
        energy, share: means over its frames, as of `fdaclip.motion.Motion`; NaN where not known.
    """

    rgba: NDArray[np.uint8]
    energy: float = np.nan
    share: float = np.nan


def look(clips: ClipSource, index: int) -> Look:
    """Decode one clip."""
    if (view := getattr(clips, "view", None)) is None:
        return Look(np.asarray(clips[index]))
    seen = view(index)
    return Look(seen.rgba, float(np.mean(seen.energy)), float(np.mean(seen.share)))


def looks(clips: ClipSource, workers: int = 0) -> Iterator[Look]:
    """All clips in order; with workers, the next ones are decoded while one is encoded.

    Raises:
        fdaclip.video.VideoError: of the first file that cannot be read; it is named.
    """
    if not workers:
        yield from (look(clips, i) for i in range(len(clips)))
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(clips,))
    try:
        waiting: deque[Future[Look]] = deque()
        for i in range(len(clips)):
            waiting.append(pool.submit(_look, i))
            if len(waiting) > AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_clips: ClipSource = ()  # of a worker process


def _start(clips: ClipSource) -> None:
    global _clips
    _clips = clips


def _look(index: int) -> Look:
    return look(_clips, index)
