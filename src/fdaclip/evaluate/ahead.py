"""Clips decoded ahead of the model, in processes of their own."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fdaclip.video import VideoError

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
    """Decode one clip.

    Raises:
        fdaclip.video.VideoError: its file cannot be read; it is named.
    """
    if (view := getattr(clips, "view", None)) is None:
        return Look(np.asarray(clips[index]))
    seen = view(index)
    return Look(seen.rgba, float(np.mean(seen.energy)), float(np.mean(seen.share)))


def tried(clips: ClipSource, index: int) -> Look | VideoError:
    """A clip, or why its file cannot be read."""
    try:
        return look(clips, index)
    except VideoError as error:
        return error


def looks(clips: ClipSource, workers: int = 0) -> Iterator[Look | VideoError]:
    """All clips in order; with workers, the next ones are decoded while one is encoded."""
    if not workers:
        yield from (tried(clips, i) for i in range(len(clips)))
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(clips,))
    try:
        waiting: deque[Future[Look | VideoError]] = deque()
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
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that hands out work


def _look(index: int) -> Look | VideoError:
    return tried(_clips, index)
