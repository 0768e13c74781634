"""What cutting tells."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """How much of a part is written, 0 to 1."""

    done: float


@dataclass(frozen=True)
class Piece:
    """A part of a video that was written.

    Attributes:
        start, end: what it holds, in s from the video's start.
        suffix: how its name should end, for the container it is in.
        left_out: tracks that this container cannot hold, for people.
    """

    start: float
    end: float
    suffix: str
    left_out: tuple[str, ...] = ()
