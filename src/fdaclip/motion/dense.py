"""A partner for every frame of a video, in one pass and bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TICK = 1e-6  # seconds by which rounded presentation times may miss


@dataclass(frozen=True)
class Pair:
    """One frame and its partner as `analyse_motion` takes them: uint8 [1,H,W,3] each."""

    time: float
    rgb: NDArray[np.uint8]
    partners: NDArray[np.uint8]


def dense_pairs(frames: Iterable[tuple[float, NDArray[np.uint8]]], delay: float) -> Iterator[Pair]:
    """Every frame with the one shown `delay` seconds later, or earlier where none is later.

    As for sampled clips, a partner is at least the next frame. Only the frames of 2 · delay are
    held, and a few more where frames are far apart.

    Args:
        frames: (seconds, uint8 [H,W,3]) in time order, as `Video.iter_frames` gives them.
        delay: seconds.

    Raises:
        ValueError: the delay is not above zero.
    """
    if not delay > 0:
        raise ValueError(f"the delay to a partner must be above zero seconds, not {delay!r}")
    held: deque[tuple[float, NDArray[np.uint8]]] = deque()
    due = 0  # index in `held` of the next frame to be paired
    for item in frames:
        held.append(item)
        # A frame shown after `held[due] + delay` tells that the one before it was shown then.
        while due < len(held) - 1 and held[-1][0] > held[due][0] + delay + TICK:
            yield later(held, due, delay)
            due += 1
            while due > 1 and held[1][0] <= held[due][0] - delay + TICK:
                held.popleft()
                due -= 1
    last = held[-1][0] if held else 0.0
    while due < len(held):
        time = held[due][0]
        reached = due < len(held) - 1 and time + delay <= last + TICK
        yield later(held, due, delay) if reached else earlier(held, due, delay)
        due += 1


def later(held: deque[tuple[float, NDArray[np.uint8]]], i: int, delay: float) -> Pair:
    """held[i] with the frame shown `delay` later, at least the next."""
    time, frame = held[i]
    there = i + 1
    while there + 1 < len(held) and held[there + 1][0] <= time + delay + TICK:
        there += 1
    return Pair(time, frame[None], held[there][1][None])


def earlier(held: deque[tuple[float, NDArray[np.uint8]]], i: int, delay: float) -> Pair:
    """held[i] with the frame shown `delay` earlier, at least the previous; alone, with itself."""
    time, frame = held[i]
    there = max(i - 1, 0)
    while there > 0 and held[there][0] > time - delay + TICK:
        there -= 1
    if i == 0 and len(held) > 1:  # nothing earlier, and nothing `delay` later: the last will do
        there = len(held) - 1
    return Pair(time, frame[None], held[there][1][None])
