"""The rows of a library's tables, as values; needs no LanceDB.

Shapes: M moments, E embedding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

State = Literal["ok", "partial", "bad"]
Source = Literal["captions", "subtitles"]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)  # there is one in memory for each file
class Video:
    """A row of ``videos``: what is known of one file.

    Attributes:
        path: its key (``names.to_key``).
        size, mtime_ns: as the file system gave them when the content was read.
        content: its hash; empty if it could not be read at all.
        take: the number its moments carry; 0 if it has none.
        state: "ok", "partial" (some of its frames are lost) or "bad" (nothing could be indexed).
        reason: why it is partial or bad, one line.
        present: was it there when its folder was last looked at?
        duration: s. width, height: px, as shown. fps: mean frames/s. codec: its name.
        moments: how many its take has.
        lost: frames that were wanted and could not be decoded.
        indexed: Unix time, s.
        audio: has it a sound track?
        captured: Unix time, s, at which it was filmed, if the file says; else 0.
        mount: key of the mount point it lay on; empty if that was not looked at.
        words: the number its texts carry (their *edition*); 0 if it has none.
        sidecars: what its texts were read from, with sizes and times of change.
    """

    path: str
    size: int
    mtime_ns: int
    content: str
    take: int
    state: State
    reason: str
    present: bool = True
    duration: float = 0.0
    width: int = 0
    height: int = 0
    fps: float = 0.0
    codec: str = ""
    moments: int = 0
    lost: int = 0
    indexed: float = 0.0
    audio: bool = False
    captured: float = 0.0
    mount: str = ""
    words: int = 0
    sidecars: str = ""


@dataclass(frozen=True)
class Moment:
    """A window of a video: [start, end) in s, what moves in it, and its vector.

    Attributes:
        vector: float32 [E], unit length.
        energy, share: means over its frames of ``Motion``'s (0 to 1).
        moving: share of its frames that are "moving", neither still nor a cut.
        shot: number of the shot it lies in, 0 where shots were not looked for.
        thumbnail: JPEG of its most telling frame; None if there is none.
        thumb_time: s, of that frame; NaN if there is none.
    """

    start: float
    end: float
    vector: Floats
    energy: float
    share: float
    moving: float
    shot: int = 0
    thumbnail: bytes | None = None
    thumb_time: float = math.nan


@dataclass(frozen=True)
class Text:
    """A row of ``texts``: words that go with a part of a video.

    Attributes:
        start, end: s.
        source: "captions" (a file beside the video) or "subtitles" (inside it).
        text: one cue.
    """

    start: float
    end: float
    source: Source
    text: str


@dataclass(frozen=True)
class Moments:
    """Moments as columns [M], and their vectors float32 [M,E]."""

    take: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    energy: Floats
    share: Floats
    moving: Floats
    shot: NDArray[np.int32]
    vectors: Floats

    def __len__(self) -> int:
        return len(self.take)

    def at(self, rows: NDArray[np.int64] | slice) -> Moments:
        """Those in these rows, in their order."""
        columns = {name: getattr(self, name)[rows] for name in COLUMNS}
        return Moments(**columns, vectors=self.vectors[rows])


COLUMNS = ("take", "start", "end", "energy", "share", "moving", "shot")


def joined(some: Sequence[Moments], size: int) -> Moments:
    """All of them as one, in memory; vectors [0,``size``] if there are none."""
    types = (np.int64, np.float64, np.float64, np.float32, np.float32, np.float32, np.int32)
    columns = {
        name: np.concatenate([np.empty(0, kind), *(getattr(one, name) for one in some)])
        for name, kind in zip(COLUMNS, types, strict=True)
    }
    vectors = np.concatenate([np.empty((0, size), np.float32), *(one.vectors for one in some)])
    return Moments(**columns, vectors=vectors)
