"""Masks at work: a stretch of video, decoded once, under settings that people turn.

Shapes: T frames of H×W pixels.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fdaclip.motion import MotionConfig, analyse_motion, overlay
from fdaclip.motion.pictures import differences, heat

from . import wire
from .guard import Refused
from .why import short_side

if TYPE_CHECKING:
    from fdaclip.video import Clip

SHORT_SIDE = 320  # px of the frames that are decoded, at most
LONGEST = 60.0  # s of a stretch
FRAMES = 16  # at most
STALL = 20.0  # s that decoding may take
MEMORY = 2 << 30  # bytes that the process may take
QUALITY = 84

# name: label, least, most, step, help. Beyond least and most no picture changes for the better.
NUMBERS: dict[str, tuple[str, float, float, float, str]] = {
    "short_side": ("Resolution", 32, 320, 16, "Short side, px, at which masks are computed."),
    "blur": ("Blur", 0, 0.04, 0.001, "Smoothing of the difference; tells motion from noise."),
    "floor": ("Floor", 0, 40, 0.5, "Luma levels: a smaller difference is never motion."),
    "deviations": ("Threshold", 0, 20, 0.5, "How far above the picture's own noise motion lies."),
    "close": ("Join", 0, 0.3, 0.01, "Width over which the parts of one mover are joined."),
    "dilate": ("Grow", 0, 0.2, 0.005, "Radius by which a region grows."),
    "min_component": ("Specks", 0, 0.05, 0.0005, "Share of the picture: smaller ones are dropped."),
    "feather": ("Feather", 0, 0.1, 0.0025, "Softness of the outline."),
    "min_share": ("Still below", 0, 0.05, 0.0005, "Less moves than this: the frame is still."),
    "max_share": ("Cut above", 0.1, 1, 0.01, "More moves than this: a cut, a flash or a pan."),
}
SWITCHES = {
    "camera": ("Take out the camera", "Aligns the frames where the camera's own motion explains."),
    "fill_holes": ("Fill holes", "A flat mover differs only at its edges."),
    "soft": ("Soft outline", "A ramp from 1 to 0; off gives 0 and 1 only."),
}


def settings() -> list[wire.Setting]:
    """The controls there are, in the order in which a mask is made."""
    default = MotionConfig()
    made = []
    for field in fields(MotionConfig):
        name, value = field.name, getattr(default, field.name)
        if name in NUMBERS:
            label, least, most, step, says = NUMBERS[name]
            kind = "integer" if isinstance(value, int) else "number"
            made.append(_setting(name, label, kind, value, says, (least, most, step)))
        elif name in SWITCHES:
            label, says = SWITCHES[name]
            made.append(_setting(name, label, "boolean", value, says))
        else:
            says = "Differences of pixels, or the decoder's motion vectors where there are any."
            made.append(_setting(name, "Source", "choice", value, says, words=["pixels", "codec"]))
    return made


def _setting(
    name: str,
    label: str,
    kind: Any,
    default: float | bool | str,
    says: str,
    numbers: tuple[float, float, float] | None = None,
    words: list[str] | None = None,
) -> wire.Setting:
    least, most, step = numbers or (None, None, None)
    return wire.Setting(
        name=name,
        label=label,
        kind=kind,
        min=least,
        max=most,
        step=step,
        choices=words or [],
        default=default,
        help=says,
    )


def config_of(given: Mapping[str, str]) -> MotionConfig:
    """Of fields as a form has them; those that are left out keep their defaults.

    Raises:
        Refused: 422, a value is none, or out of its range.
    """
    default = MotionConfig()
    values: dict[str, Any] = {}
    try:
        for field in fields(MotionConfig):
            text = given.get(field.name, "")
            if not text:
                continue
            kind = type(getattr(default, field.name))
            if kind is bool:
                if text not in ("true", "false", "1", "0", "on", "off"):
                    raise ValueError(f"{field.name} must be true or false, not {text[:40]!r}")
                values[field.name] = text in ("true", "1", "on")
            else:
                values[field.name] = kind(text)
        return MotionConfig(**values)
    except (ValueError, OverflowError) as error:
        raise Refused(422, "not_valid", str(error)[:300], "GET /api/v1/masks lists them") from None


def masks_of(clip: Clip, config: MotionConfig) -> list[wire.MaskFrame]:
    """What moves in a decoded stretch."""
    motion = analyse_motion(clip, config)
    shown = differences(clip, motion) if clip.vectors is None else None
    size = clip.rgb.shape[2], clip.rgb.shape[1]
    return [
        wire.MaskFrame(
            time=float(clip.times[t]),
            kind=motion.kind[t],
            share=float(motion.share[t]),
            energy=float(motion.energy[t]),
            compensated=bool(motion.compensated[t]),
            frame=address(clip.rgb[t]),
            mask=address(overlay(clip.rgb[t], motion.masks[t])),
            alpha=address(grey(motion.masks[t])),
            difference=None
            if shown is None
            else address(np.asarray(cv2.resize(np.ascontiguousarray(heat(shown[t])), size))),
        )
        for t in range(len(clip.rgb))
    ]


def grey(mask: NDArray[np.float32]) -> NDArray[np.uint8]:
    """float32 [1,h,w] in [0,1] as uint8 [h,w,3]."""
    return np.repeat(np.rint(255 * mask[0, ..., None]).astype(np.uint8), 3, axis=2)


def address(picture: NDArray[np.uint8]) -> str:
    """uint8 [H,W,3] as a data address."""
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    return "data:image/jpeg;base64," + base64.b64encode(bytes(data)).decode()


def decoded(path: Path, start: float, end: float | None, frames: int, vectors: bool) -> Clip:
    """T frames of [start, end) s with their partners, from a worker process.

    Args:
        end: the end of the video if None; in any case no more than 60 s from ``start``.
        vectors: take the decoder's motion vectors where there are any.

    Raises:
        Refused: 422, there is nothing that can be decoded.
    """
    from fdaclip.video.isolated import Finished, work_isolated

    work = partial(_decode, start=start, end=end, frames=frames, vectors=vectors)
    clip, reason = None, "shows nothing there"
    for event in work_isolated(work, [path], workers=1, time_limit=STALL, memory_limit=MEMORY):
        if not isinstance(event, Finished):
            clip = event.value
        elif event.error is not None:
            reason = event.error.reason
    if clip is None:
        raise Refused(422, "unusable", f"the video {reason}", "choose another, or another part")
    return clip


def _decode(
    path: Path, *, start: float, end: float | None, frames: int, vectors: bool
) -> Iterator[Clip]:
    """Runs in a worker process."""
    from fdaclip.video import VideoError, open_video

    with open_video(path, threads=1) as video:
        until = min(end or video.duration, video.duration, start + LONGEST)
        if not start < until:
            raise VideoError(path, f"ends at {video.duration:g} s", "")
        side = short_side(video.probe.width, video.probe.height, 1, SHORT_SIDE)
        yield video.clip(frames, start=start, end=until, short_side=side, vectors=vectors)
