"""Small films for the tests of this room: the grey of a frame tells its number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fdaclip.video import write_video

RATE = 10.0
STEP = 4  # levels from frame to frame


def film(path: Path, frames: int = 30, seed: int = 0, keyframes: int | None = None) -> Path:
    """A white square that wanders before a ground that brightens by STEP a frame, up to 50."""
    height, width = 48, 64
    top = int(np.random.default_rng(seed).integers(4, height - 16))

    def pictures() -> list[NDArray[np.uint8]]:
        made = []
        for index in range(frames):
            picture = np.full((height, width, 3), 20 + STEP * index % 200, np.uint8)
            left = 2 + index % (width - 16)
            picture[top : top + 10, left : left + 10] = 255
            made.append(picture)
        return made

    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, pictures(), RATE, crf=5, keyframe_interval=keyframes)
    return path


def number(frame: NDArray[np.uint8]) -> float:
    """Which frame of a film this is, from its ground: uint8 [H,W,3] → about its index."""
    return float((np.median(frame) - 20) / STEP)
