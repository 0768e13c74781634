"""Pixels: a file becomes timed RGB frames."""

from fdaclip.video.errors import (
    Damaged,
    DecoderCrashed,
    Missing,
    NotAVideo,
    NoVideoStream,
    Stalled,
    Truncated,
    UnknownCodec,
    Unreadable,
    VideoError,
    printable,
)
from fdaclip.video.times import (
    PARTNER_DELAY,
    Sampling,
    Window,
    rate_times,
    uniform_times,
    windows,
)
from fdaclip.video.writer import write_video

__all__ = [
    "PARTNER_DELAY",
    "Damaged",
    "DecoderCrashed",
    "Missing",
    "NoVideoStream",
    "NotAVideo",
    "Sampling",
    "Stalled",
    "Truncated",
    "UnknownCodec",
    "Unreadable",
    "VideoError",
    "Window",
    "printable",
    "rate_times",
    "uniform_times",
    "windows",
    "write_video",
]
