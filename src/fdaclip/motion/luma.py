"""Frames as small grey pictures, and which part of them is picture at all."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

BLACK = 20  # luma levels: what video black (16, or 0 after expansion) reaches with coding noise

Luma = NDArray[np.uint8]  # [h, w]


def mask_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """(h, w) of the masks of frames of that size: scaled down to `short_side`, never up."""
    short = min(height, width)
    if short <= short_side:
        return height, width
    scale = short_side / short
    return max(1, round(height * scale)), max(1, round(width * scale))


def luma(rgb: NDArray[np.uint8], size: tuple[int, int]) -> Luma:
    """Luma (BT.601 weights) of one frame, uint8 [H,W,3] -> uint8 [h,w], area-averaged."""
    grey: Any = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    if grey.shape != size:
        grey = cv2.resize(grey, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return grey  # type: ignore[no-any-return]


def picture_box(frame: Luma, partner: Luma) -> tuple[slice, slice]:
    """The part of the frame that is picture: rows and columns within black bars, if there are any.

    A bar is a run of rows (columns) from the border that are black in both frames. A picture that
    is black throughout has no bars.
    """
    brightest = cv2.max(frame, partner)
    rows = np.flatnonzero(brightest.max(axis=1) > BLACK)
    columns = np.flatnonzero(brightest.max(axis=0) > BLACK)
    if not len(rows) or not len(columns):
        height, width = frame.shape
        return slice(0, height), slice(0, width)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def edge_contrast(frame: Luma) -> Luma:
    """How much a picture changes within a pixel of each place, luma levels, uint8 [h,w]."""
    return cv2.morphologyEx(  # type: ignore[return-value]
        frame, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)
    )


def middle(values: NDArray[Any]) -> float:
    """The upper median; `np.median` spends most of its time elsewhere on so few values."""
    half = len(values) // 2
    return float(np.partition(values, half)[half])
