"""What training changes about a clip at random, alike for its frames and its masks.

Shapes: T frames of H×W pixels, masks h×w.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# A mirrored picture makes these untrue.
SIDED = re.compile(
    r"\b(left|right|leftmost|rightmost|leftwards?|rightwards?|(anti|counter)?-?clockwise)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Masked:
    """Frames and their masks, on the way to the model's own preprocessing.

    Attributes:
        rgb: uint8 [T,H,W,3].
        masks: float32 [T,1,h,w] in [0,1], of the frames' aspect.
    """

    rgb: NDArray[np.uint8]
    masks: NDArray[np.float32]


@dataclass(frozen=True)
class Augmentation:
    """What may change; every share is a probability between 0 and 1. The default changes nothing.

    Attributes:
        segments: take each frame from anywhere in its segment of the video instead of its centre
            (TSN, Wang et al. 2016, section 3.1).
        crop: a rectangle of the frame's own aspect with at least this share of its area, at random;
            1 keeps the whole. The model's resize and centre crop follow.
        flip: share of clips that are mirrored, where no caption speaks of a side.
        ones: share of clips whose masks become all ones (Alpha-CLIP, Sun et al. 2024, section 3.2:
            0.1), so that the model keeps its sense of whole pictures.
        drop: share of the single frames whose mask becomes all ones.
    """

    segments: bool = False
    crop: float = 1.0
    flip: float = 0.0
    ones: float = 0.0
    drop: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.segments, bool):
            raise ValueError(f"segments must be true or false, not {self.segments!r}")
        for name in ("flip", "ones", "drop"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share from 0 to 1, not {getattr(self, name)!r}")
        if not 0.05 <= self.crop <= 1:
            raise ValueError(f"crop is a share from 0.05 to 1, not {self.crop!r}")

    def __call__(self, clip: Masked, rng: np.random.Generator, captions: tuple[str, ...]) -> Masked:
        """The clip, changed. The same draws are made whatever the clip, so runs compare.

        Args:
            captions: of the clip; where one of them tells left from right it is not mirrored.
        """
        area, across, down, mirror, whole = rng.random(5)
        alone = rng.random(len(clip.rgb))
        rgb, masks = clip.rgb, clip.masks
        if self.crop < 1:
            side = float(np.sqrt(self.crop + (1 - self.crop) * area))
            rgb, masks = cropped(rgb, masks, side, float(across), float(down))
        if mirror < self.flip and not any(tells_sides(caption) for caption in captions):
            rgb, masks = rgb[:, :, ::-1], masks[..., ::-1]
        empty = (alone < self.drop) | (whole < self.ones)
        if empty.any():
            masks = np.where(empty[:, None, None, None], np.float32(1), masks)
        return Masked(rgb, masks)


def tells_sides(caption: str) -> bool:
    """Would the caption be untrue of the mirrored picture? Knows English words only."""
    return SIDED.search(caption) is not None


def cropped(
    rgb: NDArray[np.uint8], masks: NDArray[np.float32], side: float, across: float, down: float
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The same rectangle of frames and masks, scaled up to their sizes again; all frames alike.

    It lies on whole pixels of the masks, which are the coarser, and so on the frames' to within
    half a pixel of theirs. It is scaled up at once (frames cubic, masks linear), so that the
    model's own resize, which is exact and ten times as slow, finds nothing to do.

    Args:
        side: its width and height as shares of the frame's.
        across, down: where it lies, 0 (left, top) to 1.
    """
    height, width = masks.shape[-2:]
    tall, wide = max(1, round(side * height)), max(1, round(side * width))
    top, left = round(down * (height - tall)), round(across * (width - wide))
    box = (top / height, (top + tall) / height, left / width, (left + wide) / width)
    frames = [zoomed(frame, box, cv2.INTER_CUBIC) for frame in rgb]
    grown = [zoomed(mask[0], box, cv2.INTER_LINEAR)[None] for mask in masks]
    return np.stack(frames), np.stack(grown)


def zoomed(picture: Any, box: tuple[float, float, float, float], how: int) -> Any:
    """A box (top, bottom, left, right, as shares) of a picture [H,W,…], at the picture's size."""
    height, width = picture.shape[:2]
    top, bottom, left, right = box
    rows = slice(round(top * height), max(round(bottom * height), round(top * height) + 1))
    columns = slice(round(left * width), max(round(right * width), round(left * width) + 1))
    return cv2.resize(picture[rows, columns], (width, height), interpolation=how)
