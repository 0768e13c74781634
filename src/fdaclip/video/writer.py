"""Frames become an H.264 file that every player opens."""

import os
import tempfile
from collections.abc import Iterable
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Colorspace, VideoReformatter
from numpy.typing import NDArray


def write_video(
    path: str | os.PathLike[str],
    frames: Iterable[NDArray[np.uint8]],
    rate: float | Fraction,
    *,
    crf: int = 18,
    preset: str = "veryfast",
    keyframe_interval: int | None = None,
) -> None:
    """Write H.264 in yuv420p (BT.709, limited range) to an mp4 file, whatever its name ends in.

    The file appears under its name only when it is whole: it is written beside it first.

    Args:
        path: the file; an existing one is replaced.
        frames: uint8 [H,W,3] each, RGB, all of one size; an odd size is padded by repeating the
            last row or column.
        rate: frames per second.
        crf: quality, 0 (lossless) to 51; smaller is better and larger.
        preset: x264's speed against size.
        keyframe_interval: frames between keyframes at most; x264's 250 if None.

    Raises:
        ValueError: no frames, or a frame of another size or type.
        OSError: the folder cannot be written to.
    """
    path = Path(path)
    remaining = iter(frames)
    first = next(remaining, None)
    if first is None:
        raise ValueError(f"no frames to write to {path}")
    height, width = _checked(first, first.shape).shape[:2]
    handle, name = tempfile.mkstemp(prefix=".writing-", suffix=".mp4", dir=path.parent)
    os.close(handle)
    partial = Path(name)
    try:
        with av.open(name, "w", format="mp4", options={"movflags": "+faststart"}) as container:
            options = {"crf": str(crf), "preset": preset}
            exact_rate = Fraction(rate).limit_denominator(1001)
            stream = container.add_stream("libx264", rate=exact_rate, options=options)
            stream.width, stream.height = width + width % 2, height + height % 2
            stream.pix_fmt = "yuv420p"
            context = stream.codec_context
            context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
            context.color_range = 1  # limited
            if keyframe_interval is not None:
                context.gop_size = keyframe_interval
            reformatter = VideoReformatter()  # one for all: its tables cost more than a small frame
            for number, rgb in enumerate(chain([first], remaining)):
                padded = np.pad(
                    _checked(rgb, first.shape), ((0, height % 2), (0, width % 2), (0, 0)), "edge"
                )
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(padded), format="rgb24")
                frame = reformatter.reformat(
                    frame,
                    format="yuv420p",
                    dst_colorspace=Colorspace.ITU709,
                    dst_color_range="MPEG",
                )
                frame.pts, frame.time_base = number, 1 / exact_rate
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        umask = os.umask(0)
        os.umask(umask)
        partial.chmod(0o666 & ~umask)  # mkstemp's file is private to its owner
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _checked(rgb: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.shape != shape:
        raise ValueError(f"frames must be uint8 [H,W,3] of one size, not {rgb.dtype} {rgb.shape}")
    return rgb
