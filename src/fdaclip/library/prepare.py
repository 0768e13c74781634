"""One file becomes what the encoder wants: runs in a worker process, needs no torch.

Shapes: T frames, S×S pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fdaclip.model.preprocess import Preprocess
from fdaclip.motion import MotionConfig, analyse_motion
from fdaclip.video import Sampling, open_video, windows


@dataclass(frozen=True)
class Facts:
    """What the file says of itself; comes first.

    Attributes:
        duration: s. width, height: px, as shown. fps: mean frames/s, 0 if unknown. codec: its name.
        windows: how many are to come, if none is lost.
        wanted: frames in all of them.
    """

    duration: float
    width: int
    height: int
    fps: float
    codec: str
    windows: int
    wanted: int


@dataclass(frozen=True)
class Prepared:
    """A window ready to be encoded.

    Attributes:
        start, end: s.
        rgba: uint8 [T,4,S,S]; fewer frames than wanted if some are lost.
        energy, share, moving: as ``store.Moment``'s.
    """

    start: float
    end: float
    rgba: NDArray[np.uint8]
    energy: float
    share: float
    moving: float


@dataclass(frozen=True)
class Prepare:
    """Decode, mask and preprocess a file, window by window; memory is bounded by one window."""

    sampling: Sampling
    motion: MotionConfig
    preprocess: Preprocess
    window: float

    def __call__(self, path: Path) -> Iterator[Facts | Prepared]:
        """First ``Facts``, then a ``Prepared`` per window in order.

        Raises:
            VideoError: the file, or the rest of it, cannot be decoded.
        """
        with open_video(path, threads=1) as video:
            probe = video.probe
            spans = windows(video.duration, length=self.window)
            yield Facts(
                duration=video.duration,
                width=probe.width,
                height=probe.height,
                fps=probe.rate or 0.0,
                codec=probe.codec,
                windows=len(spans),
                wanted=len(spans) * self.sampling.frames,
            )
            short_side = self.preprocess.decode_short_side
            for clip in video.clips(spans, sampling=self.sampling, short_side=short_side):
                motion = analyse_motion(clip, self.motion)
                yield Prepared(
                    start=clip.start,
                    end=clip.end,
                    rgba=self.preprocess(clip, motion),
                    energy=float(motion.energy.mean()),
                    share=float(motion.share.mean()),
                    moving=motion.kind.count("moving") / len(motion.kind),
                )
