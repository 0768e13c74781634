"""The most telling of the frames that were decoded for a moment, as a small picture.

Shapes: T frames of H×W pixels.

A frame tells more, the sharper it is, the more of it is well lit, and the more of it moves:

    score = detail × light × (1 + motion)

detail: mean steepness of its luma, against that of the sharpest frame of the moment. light: share
of its pixels that are neither nearly black nor nearly white. motion: share of the picture that
moves; 0 for a frame at a cut or in a flash, whose score is halved besides. A black frame is never
chosen where another is not black; if all are, the least dark is taken.
"""

from __future__ import annotations

from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

SHORT_SIDE = 160  # px
QUALITY = 75  # of the JPEG: about 5 KB each
DARK, BRIGHT = 16, 240  # luma of what is nearly black, nearly white
BLACK = 26  # luma that all but a hundredth of a black frame's pixels stay under


class Frames(Protocol):
    """What is needed of a clip: uint8 [T,H,W,3], and when each is shown, s [T]."""

    @property
    def rgb(self) -> NDArray[np.uint8]: ...
    @property
    def times(self) -> NDArray[np.float64]: ...


class Moving(Protocol):
    """What is needed of its motion; see `fdaclip.motion.Motion`."""

    @property
    def share(self) -> NDArray[np.float32]: ...
    @property
    def kind(self) -> tuple[str, ...]: ...


def thumbnail(clip: Frames, motion: Moving, short_side: int = SHORT_SIDE) -> tuple[bytes, float]:
    """JPEG of the clip's most telling frame, and the time, s, at which that is shown.

    Args:
        short_side: px, of the video as it is stored if that is less than 160; the picture is never
            larger than the frames.
    """
    small = [scaled(frame, min(short_side, SHORT_SIDE)) for frame in clip.rgb]
    best = most_telling(small, motion)
    return as_jpeg(small[best]), float(clip.times[best])


def most_telling(frames: list[NDArray[np.uint8]], motion: Moving) -> int:
    """Which of T frames, uint8 [H,W,3], tells most."""
    lumas = [np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8) for frame in frames]
    lit = [t for t, luma in enumerate(lumas) if not is_black(luma)]
    if not lit:
        return int(np.argmax([luma.mean() for luma in lumas]))
    details = [detail(luma) for luma in lumas]
    sharpest = max(max(details[t] for t in lit), 1e-9)

    def score(t: int) -> tuple[float, float]:
        cut = motion.kind[t] == "cut"
        share = 0.0 if cut else float(motion.share[t])
        telling = details[t] / sharpest * light(lumas[t]) * (1 + share)
        return telling / 2 if cut else telling, -abs(float(lumas[t].mean()) - 128)

    return max(lit, key=score)


def is_black(luma: NDArray[np.uint8]) -> bool:
    """Is there nothing to be seen, but for a hundredth of its pixels?"""
    return float(np.mean(luma >= BLACK)) < 0.01


def light(luma: NDArray[np.uint8]) -> float:
    """Share of the pixels that are neither nearly black nor nearly white."""
    return float(np.mean((luma > DARK) & (luma < BRIGHT)))


def detail(luma: NDArray[np.uint8]) -> float:
    """Mean steepness, in luma levels a pixel."""
    across: Any = cv2.Sobel(luma, cv2.CV_32F, 1, 0, scale=1 / 8)
    down: Any = cv2.Sobel(luma, cv2.CV_32F, 0, 1, scale=1 / 8)
    return float(cv2.magnitude(across, down).mean())


def scaled(frame: NDArray[np.uint8], short_side: int) -> NDArray[np.uint8]:
    """With a short side of at most so many pixels; never enlarged."""
    height, width = frame.shape[:2]
    scale = short_side / min(height, width)
    if scale >= 1:
        return np.ascontiguousarray(frame)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small: Any = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def as_jpeg(frame: NDArray[np.uint8]) -> bytes:
    """Of uint8 [H,W,3], RGB."""
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), options)
    return bytes(data)
