"""What a person sees of a mask: an overlay on the frame."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

TINT = (255, 92, 48)  # RGB of the moving region


def overlay(rgb: NDArray[np.uint8], mask: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The frame dimmed and greyed where nothing moves, and an outline round what does.

    Args:
        rgb: uint8 [H,W,3].
        mask: float32 [h,w] or [1,h,w] in [0,1], of any size.

    Returns:
        uint8 [H,W,3].
    """
    height, width = rgb.shape[:2]
    flat: Any = np.asarray(mask, np.float32).reshape(mask.shape[-2:])
    if flat.shape != (height, width):
        flat = cv2.resize(flat, (width, height), interpolation=cv2.INTER_LINEAR)
    weight = flat[..., None]
    grey = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    dimmed = 0.45 * grey
    picture: Any = (weight * rgb + (1 - weight) * dimmed + 0.5).astype(np.uint8)
    outlines, _ = cv2.findContours(
        (flat > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    cv2.drawContours(picture, outlines, -1, TINT, max(1, round(min(height, width) / 180)))
    return picture  # type: ignore[no-any-return]
