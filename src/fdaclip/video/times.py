"""Which times of a video to look at: uniform segments, a fixed rate, windows of a long video.

All times are float seconds from the video's start.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

PARTNER_DELAY = 1 / 6


@dataclass(frozen=True)
class Sampling:
    """How many frames represent a window, and which frame each is compared with.

    Attributes:
        frames: T, the number of frames; the window is cut into T equal segments and the frame shown
            at the centre of each is taken.
        partner: seconds until the partner frame (by default 5 frames at 30 per second), or
            "sampled" for the next sampled frame (the paper's literal reading; the last has the one
            before).
    """

    frames: int = 12
    partner: float | Literal["sampled"] = PARTNER_DELAY

    def __post_init__(self) -> None:
        if isinstance(self.frames, bool) or not isinstance(self.frames, int) or self.frames < 1:
            raise ValueError(f"frames must be a whole number of at least 1, not {self.frames!r}")
        if self.partner != "sampled" and not (
            isinstance(self.partner, int | float) and 0 < self.partner < math.inf
        ):
            raise ValueError(f'partner must be seconds above 0 or "sampled", not {self.partner!r}')


@dataclass(frozen=True)
class Window:
    """The part [start, end) of a video, in seconds."""

    start: float
    end: float

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


def windows(duration: float, length: float = 8.0) -> list[Window]:
    """Cut [0, duration) into equal windows of about `length` seconds.

    The number of windows is the one that brings their common length closest to `length`, so a video
    of up to one and a half lengths stays whole and no tiny rest is left at the end.
    """
    if not (length > 0 and math.isfinite(length)):
        raise ValueError(f"length must be above 0 seconds, not {length}")
    if not (duration > 0 and math.isfinite(duration)):
        raise ValueError(f"duration must be above 0 seconds, not {duration}")
    count = max(1, math.floor(duration / length + 0.5))
    edges = [*(duration * i / count for i in range(count)), duration]
    return [Window(start, end) for start, end in pairwise(edges)]
