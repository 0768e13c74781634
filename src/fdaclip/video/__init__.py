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
from fdaclip.video.probe import Probe
from fdaclip.video.times import (
    PARTNER_DELAY,
    Sampling,
    Window,
    rate_times,
    uniform_times,
    windows,
)
from fdaclip.video.video import Clip, Frames, Video, open_video
from fdaclip.video.writer import write_video

__all__ = [
    "PARTNER_DELAY",
    "Clip",
    "Damaged",
    "DecoderCrashed",
    "Frames",
    "Missing",
    "NoVideoStream",
    "NotAVideo",
    "Probe",
    "Sampling",
    "Stalled",
    "Truncated",
    "UnknownCodec",
    "Unreadable",
    "Video",
    "VideoError",
    "Window",
    "open_video",
    "printable",
    "rate_times",
    "uniform_times",
    "windows",
    "write_video",
]
