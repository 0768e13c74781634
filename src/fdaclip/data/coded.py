"""Frames and masks as bytes on disk, and back.

Shapes: T frames of H×W pixels, masks h×w.
"""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from fdaclip.motion import Motion

RAW: Literal["raw"] = "raw"
Quality = int | Literal["raw"]  # JPEG's 1 to 100, or the pixels themselves


def coded_frames(rgb: NDArray[np.uint8], quality: Quality) -> list[bytes]:
    """Each frame of uint8 [T,H,W,3] as JPEG, colours at full resolution, or raw."""
    if quality == RAW:
        return [frame.tobytes() for frame in rgb]
    flags = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    pictures = (cv2.cvtColor(frame, cv2.COLOR_RGB2BGR) for frame in rgb)
    return [cv2.imencode(".jpg", picture, flags)[1].tobytes() for picture in pictures]


def read_frame(part: memoryview, quality: Quality, height: int, width: int) -> NDArray[np.uint8]:
    """uint8 [H,W,3]."""
    content = np.frombuffer(part, np.uint8)
    if quality == RAW:
        return content.reshape(height, width, 3)
    picture: Any = cv2.imdecode(content, cv2.IMREAD_COLOR)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)  # type: ignore[no-any-return]


def packed(motion: Motion) -> tuple[list[bytes], dict[str, Any]]:
    """Masks as PNG, an all-ones one as nothing, and what was learned of the motion."""
    parts = []
    for mask in motion.masks[:, 0]:
        levels = np.rint(mask.clip(0, 1) * 255).astype(np.uint8)
        parts.append(b"" if levels.min() == 255 else png(levels))
    seen = {
        "energy": [round(float(v), 6) for v in motion.energy],
        "share": [round(float(v), 6) for v in motion.share],
        "kind": list(motion.kind),
    }
    return parts, seen


def png(grey: NDArray[np.uint8]) -> bytes:
    """uint8 [H,W], exactly."""
    return cv2.imencode(".png", grey, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1].tobytes()


def read_png(part: memoryview) -> NDArray[np.uint8]:
    grey: Any = cv2.imdecode(np.frombuffer(part, np.uint8), cv2.IMREAD_GRAYSCALE)
    return grey  # type: ignore[no-any-return]
