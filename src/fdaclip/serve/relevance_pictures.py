"""Relevance as a person sees it: the frame dark and grey, and lit where the model saw the query.

Shapes: H×W pixels, h×w places.
"""

from __future__ import annotations

from typing import Any, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from fdaclip.motion import overlay
from fdaclip.motion.pictures import TINT

from .why import Why, WhyFrame
from .wire import Layer

LAYERS: tuple[Layer, ...] = get_args(Layer)

QUALITY = 88  # of the JPEGs
DARK = 0.42  # brightness left where nothing speaks for the query, as where nothing moves
UNSEEN = 0.16  # where the model was shown nothing
SHARES = np.array([0.0, 0.25, 0.5, 0.75, 1.0])  # of the largest relevance
GLOW = np.array(  # RGB from ember to white heat
    [(60, 10, 70), (150, 25, 80), (235, 80, 30), (255, 160, 20), (255, 236, 150)], float
)
AGAINST = np.array((64, 128, 255), float)  # RGB of what speaks against it
VEIL = 0.6  # of the glow over the frame
RISE = 0.7  # of the largest relevance: from there on nothing of the dark is left


def jpeg(why: Why, number: int, layer: Layer) -> bytes:
    """A frame's picture of this layer, as JPEG.

    Raises:
        IndexError: there is no such frame.
    """
    return jpegs(why, number)[layer]


def jpegs(why: Why, number: int) -> dict[Layer, bytes]:
    """All four of a frame.

    Raises:
        IndexError: there is no such frame.
    """
    drawn = pictures(why.frames[number], why.scale)
    return {layer: encoded(picture) for layer, picture in drawn.items()}


def encoded(picture: NDArray[np.uint8]) -> bytes:
    """JPEG of uint8 [H,W,3], RGB."""
    data = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )[1]
    return bytes(data)


def pictures(frame: WhyFrame, scale: float) -> dict[Layer, NDArray[np.uint8]]:
    """All four, uint8 [H,W,3] each.

    Args:
        scale: the relevance that is shown brightest.
    """
    lit = lighted(frame.rgb, frame.relevance, frame.seen, scale)
    return {
        "frame": frame.rgb,
        "mask": overlay(frame.rgb, frame.mask),
        "relevance": outlined(lit, frame.mask),
        "relevance_without_mask": lighted(
            frame.rgb, frame.relevance_without_mask, frame.seen, scale
        ),
    }


def lighted(
    rgb: NDArray[np.uint8],
    relevance: NDArray[np.float32],
    seen: tuple[int, int, int, int],
    scale: float,
) -> NDArray[np.uint8]:
    """The frame under its relevance, uint8 [H,W,3].

    What speaks for the query comes out of the dark in its own colours, under a glow from ember to
    white; what speaks against it lies under a faint blue.
    """
    height, width = rgb.shape[:2]
    left, top, right, bottom = seen
    level = np.zeros((height, width), np.float32)
    level[top:bottom, left:right] = smooth(relevance / scale, bottom - top, right - left)
    base = np.full((height, width, 1), UNSEEN, np.float32)
    base[top:bottom, left:right] = DARK
    grey: Any = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    picture = base * grey[..., None].astype(np.float32)
    glow = np.stack([np.interp(level, SHARES, GLOW[:, c]) for c in range(3)], -1)
    bright = np.clip(level, 0, 1)[..., None]
    lit = (1 - VEIL) * rgb + VEIL * glow
    share = eased(bright / RISE)
    picture = (1 - share) * picture + share * lit
    cold = 0.35 * eased(np.clip(-level, 0, 1)[..., None])
    picture = (1 - cold) * picture + cold * AGAINST
    return np.asarray(np.clip(picture + 0.5, 0, 255), np.uint8)


def smooth(parts: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Places [h,w] as a field of [H,W] without edges."""
    field: Any = cv2.resize(parts, (width, height), interpolation=cv2.INTER_CUBIC)
    blur = 0.35 * height / parts.shape[0]
    return np.asarray(cv2.GaussianBlur(field, (0, 0), max(blur, 0.1)), np.float32)


def eased(share: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """0 to 1 without a kink at either end."""
    held = np.clip(share, 0, 1)
    return np.asarray(held * held * (3 - 2 * held))


def outlined(picture: NDArray[np.uint8], mask: NDArray[np.float32]) -> NDArray[np.uint8]:
    """With the outline of what moves; without one where the mask hides nothing."""
    if float(mask.min()) >= 1:
        return picture
    drawn = picture.copy()
    outlines, _ = cv2.findContours(
        (mask > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    thickness = max(1, round(min(mask.shape) / 240))
    cv2.drawContours(drawn, outlines, -1, TINT, thickness, cv2.LINE_AA)
    return drawn
