"""From lit pixels to the region that a mask shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .camera import Transform
from .config import MotionConfig


@dataclass(frozen=True)
class Seen:
    """What moves in one frame: its region (uint8 [h,w], 0 or 1) and its measures (see `Motion`)."""

    region: NDArray[np.uint8]
    share: float
    energy: float
    transform: Transform | None


def clean(lit: NDArray[np.uint8], short: int, config: MotionConfig) -> NDArray[np.uint8]:
    """Close, drop the specks, fill the holes, dilate: uint8 [h,w] of 0 and 1."""
    neighbours: Any = cv2.boxFilter(lit, -1, (3, 3), normalize=False)
    region: Any = closed(lit & (neighbours >= 3), round(config.close * short))
    mode = cv2.RETR_EXTERNAL if config.fill_holes else cv2.RETR_CCOMP
    outlines, _ = cv2.findContours(region, mode, cv2.CHAIN_APPROX_NONE)
    smallest = config.min_component * region.size
    kept = [c for c in outlines if cv2.contourArea(c) + len(c) / 2 + 1 >= smallest]
    filled = np.zeros_like(lit)
    cv2.drawContours(filled, kept, -1, 1, cv2.FILLED)
    if not config.fill_holes:
        filled &= region
    return grown(filled, round(config.dilate * short))


def closed(region: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Closing by a square. Beyond the border is empty room: nothing is drawn out to the border."""
    if width < 2:
        return region
    margin = width // 2
    kernel = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
    roomy = cv2.copyMakeBorder(region, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0)
    whole: Any = cv2.morphologyEx(roomy, cv2.MORPH_CLOSE, kernel)
    return np.ascontiguousarray(whole[margin:-margin, margin:-margin])


def grown(region: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    if radius < 1:
        return region
    kernel = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    return cv2.dilate(region, kernel)  # type: ignore[return-value]


def ramp(region: NDArray[np.uint8], config: MotionConfig) -> NDArray[np.float32]:
    """The region as a mask, float32 [h,w]: a soft outline whose middle, 0.5, is the region's."""
    sigma = config.feather * min(region.shape)
    if not config.soft or sigma < 0.2:
        return region.astype(np.float32)
    mask: Any = cv2.GaussianBlur(region.astype(np.float32), (0, 0), sigma)
    return mask.clip(0, 1)  # type: ignore[no-any-return]
