"""Which times of a video to look at: uniform segments, a fixed rate, windows of a long video.

All times are float seconds from the video's start.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

PARTNER_DELAY = 1 / 6
SHORTEST = 0.5  # s: a shorter shot has no window of its own


@dataclass(frozen=True)
class Sampling:
    """How many frames represent a window, and which frame each is compared with.

    Attributes:
        frames: T, the number of frames; the window is cut into T equal segments and the frame shown
            at the centre of each is taken.
        partner: seconds until the partner frame (by default 5 frames at 30 per second), or
            "sampled" for the next sampled frame (the paper's literal reading; the last has the one
            before).
        anchored: take in each segment the keyframe nearest its centre instead, where the file tells
            cheaply of one (MP4, MOV, AVI, Matroska with cues): a keyframe needs no other frame, so
            several times fewer are decoded. A segment without one keeps the frame at its centre.
    """

    frames: int = 12
    partner: float | Literal["sampled"] = PARTNER_DELAY
    anchored: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.frames, bool) or not isinstance(self.frames, int) or self.frames < 1:
            raise ValueError(f"frames must be a whole number of at least 1, not {self.frames!r}")
        if self.partner != "sampled" and not (
            isinstance(self.partner, int | float) and 0 < self.partner < math.inf
        ):
            raise ValueError(f'partner must be seconds above 0 or "sampled", not {self.partner!r}')
        if not isinstance(self.anchored, bool):
            raise ValueError(f"anchored must be true or false, not {self.anchored!r}")


@dataclass(frozen=True)
class Window:
    """The part [start, end) of a video, in seconds, and the number of the shot that it lies in."""

    start: float
    end: float
    shot: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start) and math.isfinite(self.end) and self.start < self.end):
            raise ValueError(f"a window must start before it ends, not [{self.start}, {self.end})")

    @property
    def length(self) -> float:
        return self.end - self.start


def uniform_times(frames: int, start: float, end: float) -> NDArray[np.float64]:
    """Centres of `frames` equal segments of [start, end), float64 [T]."""
    if frames < 1:
        raise ValueError(f"frames must be at least 1, not {frames}")
    if end < start:
        raise ValueError(f"the end {end} lies before the start {start}")
    return np.float64(start) + (np.arange(frames) + 0.5) * ((end - start) / frames)


def rate_times(rate: float, start: float, end: float) -> NDArray[np.float64]:
    """Times start, start + 1/rate, … below `end`, float64; at least one."""
    if rate <= 0:
        raise ValueError(f"rate must be above 0 frames a second, not {rate}")
    if end < start:
        raise ValueError(f"the end {end} lies before the start {start}")
    # A nanosecond less, lest rounding adds a time that is the end itself.
    count = max(1, math.ceil((end - start - 1e-9) * rate))
    return np.asarray(start + np.arange(count) / rate, np.float64)


def windows(duration: float, length: float = 8.0, cuts: Sequence[float] = ()) -> list[Window]:
    """Cut [0, duration) into windows of about `length` seconds that cross no cut.

    Each shot is cut for itself, into equal windows. Their number is the one that brings their
    length closest to `length`, so a shot of up to one and a half lengths stays whole and no tiny
    rest is left at its end. A shot shorter than 0.5 s (or than `length`, if that is less) is joined
    to the one after it, the last to the one before.

    Args:
        cuts: seconds at which a new shot begins, in any order; those outside the video are ignored.
    """
    if not (length > 0 and math.isfinite(length)):
        raise ValueError(f"length must be above 0 seconds, not {length}")
    if not (duration > 0 and math.isfinite(duration)):
        raise ValueError(f"duration must be above 0 seconds, not {duration}")
    found = []
    for shot, (begin, end) in enumerate(pairwise(shots(duration, cuts, min(SHORTEST, length)))):
        count = max(1, math.floor((end - begin) / length + 0.5))
        edges = [*(begin + (end - begin) * i / count for i in range(count)), end]
        found += [Window(start, end, shot) for start, end in pairwise(edges)]
    return found


def shots(duration: float, cuts: Sequence[float], shortest: float) -> list[float]:
    """Where each shot begins, and where the last one ends; short ones are joined to a neighbour."""
    edges = [0.0]
    for cut in sorted(cuts):
        if cut - edges[-1] >= shortest and cut < duration:
            edges.append(cut)
    if len(edges) > 1 and duration - edges[-1] < shortest:
        edges.pop()
    return [*edges, duration]
