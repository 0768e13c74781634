"""One file becomes what the encoder wants: runs in a worker process, needs no torch.

Shapes: T frames, S×S pixels.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, process_time

import numpy as np
from numpy.typing import NDArray

from fdaclip.model.preprocess import Preprocess
from fdaclip.motion import MotionConfig, analyse_motion
from fdaclip.motion.shots import look_for_cuts
from fdaclip.video import Sampling, open_video, windows

from .thumbnails import thumbnail

SIGN_OF_LIFE = 2.0  # s between two signs that the cuts of a long video are still looked for


@dataclass(frozen=True)
class Facts:
    """What the file says of itself; comes first.

    Attributes:
        duration: s. width, height: px, as shown. fps: mean frames/s, 0 if unknown. codec: its name.
        windows: how many are to come, if none is lost.
        wanted: frames in all of them.
        audio, captured: as ``rows.Video``'s.
        subtitles: has it some that are text?
        shots_s: s of processor time that looking for cuts took.
    """

    duration: float
    width: int
    height: int
    fps: float
    codec: str
    windows: int
    wanted: int
    audio: bool = False
    captured: float = 0.0
    subtitles: bool = False
    shots_s: float = 0.0


@dataclass(frozen=True)
class Looking:
    """A sign of life while a long video is looked through for cuts, before its ``Facts``."""

    until: float


@dataclass(frozen=True)
class Prepared:
    """A window ready to be encoded.

    Attributes:
        start, end: s.
        rgba: uint8 [T,4,S,S]; fewer frames than wanted if some are lost.
        energy, share, moving: as ``rows.Moment``'s.
        decode_s: s of processor time that decoding took. mask_s: masks, resizing, thumbnails.
        shot, thumbnail, thumb_time: as ``rows.Moment``'s.
    """

    start: float
    end: float
    rgba: NDArray[np.uint8]
    energy: float
    share: float
    moving: float
    decode_s: float
    mask_s: float
    shot: int = 0
    thumbnail: bytes | None = None
    thumb_time: float = math.nan


@dataclass(frozen=True)
class Prepare:
    """Decode, mask and preprocess a file, window by window; memory is bounded by one window.

    Attributes:
        window: s, the length of one.
        shots: do they keep within shots?
    """

    sampling: Sampling
    motion: MotionConfig
    preprocess: Preprocess
    window: float
    shots: bool = False

    def __call__(self, path: Path) -> Iterator[Looking | Facts | Prepared]:
        """First ``Facts``, then a ``Prepared`` per window in order.

        Where shots are looked for and that takes long, a ``Looking`` comes now and then before.

        Raises:
            VideoError: the file, or the rest of it, cannot be decoded.
        """
        with open_video(path, threads=1) as video:
            probe = video.probe
            began = process_time()
            cuts = (yield from self._cuts(path)) if self.shots else []
            looked = process_time()
            spans = windows(video.duration, self.window, cuts)
            shot_of = {span.start: span.shot for span in spans}
            yield Facts(
                duration=video.duration,
                width=probe.width,
                height=probe.height,
                fps=probe.rate or 0.0,
                codec=probe.codec,
                subtitles=video.has_text,
                windows=len(spans),
                wanted=len(spans) * self.sampling.frames,
                audio=probe.audio,
                captured=probe.captured or 0.0,
                shots_s=looked - began,
            )
            short_side = self.preprocess.decode_short_side
            began = process_time()
            for clip in video.clips(
                spans,
                sampling=self.sampling,
                short_side=short_side,
                vectors=self.motion.source == "codec",
            ):
                decoded = process_time()
                motion = analyse_motion(clip, self.motion)
                rgba = self.preprocess(clip, motion)
                picture, shown = thumbnail(clip, motion, min(probe.width, probe.height))
                masked = process_time()
                yield Prepared(
                    start=clip.start,
                    end=clip.end,
                    rgba=rgba,
                    energy=float(motion.energy.mean()),
                    share=float(motion.share.mean()),
                    moving=motion.kind.count("moving") / len(motion.kind),
                    decode_s=decoded - began,
                    mask_s=masked - decoded,
                    shot=shot_of[clip.start],
                    thumbnail=picture,
                    thumb_time=min(max(shown, clip.start), clip.end),  # it may have begun before
                )
                began = process_time()

    def _cuts(self, path: Path) -> Generator[Looking, None, list[float]]:
        """The cuts of the file; looked for beside, so that frames come as they would without."""
        cuts: list[float] = []
        told = monotonic()
        for looked in look_for_cuts(path):
            cuts += looked.cuts
            if monotonic() - told > SIGN_OF_LIFE:
                told = monotonic()
                yield Looking(looked.until)
        return cuts
