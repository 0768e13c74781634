"""What a person sees of a mask: an overlay on a frame, a strip of a clip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from . import camera
from .luma import luma
from .masks import Motion, Pairs

if TYPE_CHECKING:
    from PIL import Image

TINT = (255, 92, 48)  # RGB of the outline
DIM = 0.42  # brightness left to what does not move
FULL = 64.0  # luma levels that a strip shows as the brightest difference

INK, FAINT, PAPER = (32, 34, 38), (120, 124, 130), (255, 255, 255)
MARGIN, GAP, LABEL, LINE = 14, 6, 84, 20  # px of a strip


class TimedPairs(Pairs, Protocol):
    """Pairs that also know when each frame was shown, in seconds: a `fdaclip.video.Clip`."""

    @property
    def times(self) -> NDArray[np.float64]: ...


def overlay(rgb: NDArray[np.uint8], mask: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The frame grey and dim where nothing moves, in colour and outlined where something does.

    Args:
        rgb: uint8 [H,W,3].
        mask: float32 [h,w] or [1,h,w] in [0,1], at any size. All ones leave the frame as it is.

    Returns:
        uint8 [H,W,3].

    Raises:
        ValueError: the shapes are not these.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ValueError(f"a frame must be uint8 [H,W,3], not {rgb.dtype} {rgb.shape}")
    if mask.ndim not in (2, 3) or (mask.ndim == 3 and mask.shape[0] != 1):
        raise ValueError(f"a mask must be [h,w] or [1,h,w], not {mask.shape}")
    height, width = rgb.shape[:2]
    flat: Any = np.asarray(mask, np.float32).reshape(mask.shape[-2:])
    if float(flat.min()) >= 1:
        return rgb.copy()
    if flat.shape != (height, width):
        flat = cv2.resize(flat, (width, height), interpolation=cv2.INTER_LINEAR)
    weight = flat[..., None]
    grey: Any = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    picture: Any = weight * rgb + (1 - weight) * (DIM * grey[..., None])
    picture = (picture + 0.5).astype(np.uint8)
    outlines, _ = cv2.findContours(
        (flat > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    thickness = max(1, round(min(height, width) / 200))
    cv2.drawContours(picture, outlines, -1, TINT, thickness, cv2.LINE_AA)
    return picture  # type: ignore[no-any-return]


def differences(clip: Pairs, motion: Motion) -> NDArray[np.uint8]:
    """The luma differences behind the masks, the accepted camera motion removed: uint8 [T,h,w].

    Raises:
        ValueError: the clip has motion vectors instead of partners.
    """
    if len(clip.partners) != len(clip.rgb):
        raise ValueError("a clip without partners has no differences to show")
    size: tuple[int, int] = motion.masks.shape[-2:]
    found = np.zeros((len(clip.rgb), *size), np.uint8)
    for t in range(len(found)):
        frame, partner = luma(clip.rgb[t], size), luma(clip.partners[t], size)
        if motion.compensated[t]:
            partner, covered = camera.align(partner, motion.camera[t])
            found[t] = cv2.absdiff(frame, partner) * covered
        else:
            found[t] = cv2.absdiff(frame, partner)
    return found


def strip(clip: TimedPairs, motion: Motion, width: int = 200) -> Image.Image:
    """A clip on one sheet: its frames, their differences, their masks, and the time of each.

    Args:
        clip: frames, partners and times.
        motion: what `analyse_motion` said of that clip.
        width: of one frame, px (a tall frame gets as much height instead).

    Returns:
        An RGB picture; `.save("strip.png")` writes it.

    Raises:
        ValueError: clip and motion are not of the same length.
    """
    from PIL import Image, ImageDraw, ImageFont

    count, tall, wide = clip.rgb.shape[:3]
    if len(motion.masks) != count:
        raise ValueError(f"{count} frames, but masks of {len(motion.masks)}")
    scale = width / max(tall, wide)
    cell = (max(1, round(wide * scale)), max(1, round(tall * scale)))  # width, height
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    rows: dict[str, list[NDArray[np.uint8]]] = {
        "frame": list(clip.rgb),
        "difference": [heat(picture) for picture in differences(clip, motion)],
        "mask": [overlay(clip.rgb[t], motion.masks[t]) for t in range(count)],
    }
    sheet = Image.new(
        "RGB",
        (
            2 * MARGIN + LABEL + count * cell[0] + (count - 1) * GAP,
            2 * MARGIN + 3 * cell[1] + 2 * GAP + 2 * LINE,
        ),
        PAPER,
    )
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(14)
    for r, (label, pictures) in enumerate(rows.items()):
        top = MARGIN + r * (cell[1] + GAP)
        pen.text((MARGIN, top + cell[1] // 2), label, FAINT, font, anchor="lm")
        for t, picture in enumerate(pictures):
            shrunk: Any = cv2.resize(np.ascontiguousarray(picture), cell, interpolation=how)
            sheet.paste(Image.fromarray(shrunk), (MARGIN + LABEL + t * (cell[0] + GAP), top))
    below = MARGIN + 3 * cell[1] + 2 * GAP + LINE // 2
    for t in range(count):
        middle = MARGIN + LABEL + t * (cell[0] + GAP) + cell[0] // 2
        pen.text((middle, below), f"{clip.times[t]:.2f} s", INK, font, anchor="mm")
        pen.text((middle, below + LINE), caption(motion, t), FAINT, font, anchor="mm")
    return sheet


def caption(motion: Motion, t: int) -> str:
    """What a strip says under a frame: how much moves, or why the mask is all ones."""
    if motion.kind[t] != "moving":
        return f"{motion.kind[t]}: all ones"
    camera_too = ", camera" if motion.compensated[t] else ""
    return f"{100 * motion.share[t]:.1f} % moves{camera_too}"


def heat(difference: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A difference, uint8 [h,w], as colours from black over red to yellow."""
    level: Any = cv2.convertScaleAbs(difference, alpha=255 / FULL)
    colours: NDArray[np.uint8] = np.asarray(cv2.applyColorMap(level, cv2.COLORMAP_INFERNO))
    return colours[..., ::-1]
