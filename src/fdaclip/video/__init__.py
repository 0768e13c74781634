"""Pixels: a file becomes timed RGB frames."""

from fdaclip.video.clip import Clip
from fdaclip.video.errors import (
    Damaged,
    DecoderCrashed,
    Missing,
    NotAVideo,
    NoVideoStream,
    Stalled,
    TooLarge,
    Truncated,
    UnknownCodec,
    Unreadable,
    VideoError,
    printable,
)
from fdaclip.video.packets import Packets
from fdaclip.video.probe import Probe
from fdaclip.video.times import (
    PARTNER_DELAY,
    Sampling,
    Window,
    rate_times,
    uniform_times,
    windows,
)
from fdaclip.video.vectors import Vectors
from fdaclip.video.video import Frames, Video, open_video
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
    "Packets",
    "Probe",
    "Sampling",
    "Stalled",
    "TooLarge",
    "Truncated",
    "UnknownCodec",
    "Unreadable",
    "Vectors",
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
