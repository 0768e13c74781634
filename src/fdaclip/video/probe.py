"""What a file says about its video, without decoding anything."""

import io
import re
from dataclasses import dataclass

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from fdaclip.video.pixels import Orientation, orientation_from_matrix

# Bytes a second: no coding of moving pictures needs less, so a longer duration is a false one.
SLOWEST = 16


@dataclass(frozen=True)
class Probe:
    """What a file says about its video; a damaged file may say it wrongly.

    Attributes:
        duration: seconds that the video lasts; None if the file does not say, or says what cannot
            be: nothing, or more than its bytes are enough for.
        width: pixels as shown, after rotation (but as stored: pixels that are not square stay so).
        height: likewise.
        rate: frames per second on average; None if the file does not say.
        frames: number of frames; None if the file does not say.
        codec: FFmpeg's name of the coding, such as "h264".
        pixel_format: FFmpeg's name of the pixel format, such as "yuv420p"; None if unknown.
        rotation: degrees counter-clockwise by which the stored picture is turned to be shown.
        variable_rate: whether frames are unevenly spaced; judged by the table of frames where the
            container has one (MP4, MOV, AVI), else by the rates that the file states.
        start: seconds on the file's own clock at which the video begins. All times of this package
            count from there.
        container: FFmpeg's name of the container, such as "matroska,webm".
        audio: whether there is a sound track.
        captured: Unix time in seconds at which it was filmed, by the container's tags; None if they
            do not tell, or nothing that can be believed (see `fdaclip.video.captured`).
    """

    duration: float | None
    width: int
    height: int
    rate: float | None
    frames: int | None
    codec: str
    pixel_format: str | None
    rotation: int
    variable_rate: bool
    start: float
    container: str
    audio: bool = False
    captured: float | None = None


@dataclass(frozen=True)
class Table:
    """The container's list of all frames, in order of decoding.

    Attributes:
        keys: timestamps of the keyframes, ascending.
        interval: ticks from each frame to the next if that is one number, else None.
        length: number of frames, N.
        stamps: int64 [N], when each is decoded, in ticks.
        sizes: int64 [N], bytes of each.
    """

    keys: tuple[int, ...]
    interval: int | None
    length: int
    stamps: NDArray[np.int64]
    sizes: NDArray[np.int64]


def read_table(container: InputContainer, stream: VideoStream) -> Table | None:
    """The table of frames, or None where the container holds none that is complete."""
    entries = stream.index_entries
    count = len(entries)
    if not count or count < stream.frames or not stream.frames:
        return None
    stamps, sizes = np.empty(count, np.int64), np.empty(count, np.int64)
    keys = []
    for position, entry in enumerate(entries):
        stamps[position], sizes[position] = entry.timestamp, entry.size
        if entry.is_keyframe:
            keys.append(entry.timestamp)
    gaps = np.unique(np.diff(stamps))
    interval = int(gaps[0]) if len(gaps) == 1 and gaps[0] > 0 else None
    return Table(tuple(sorted(keys)), interval, count, stamps, sizes)


def believable(seconds: float, size: int) -> bool:
    """Whether a file of so many bytes can last so long: up to an hour, or at `SLOWEST`."""
    return 0 < seconds <= max(3600, size / SLOWEST)


def stated_duration(container: InputContainer, stream: VideoStream) -> float | None:
    """Seconds that the video track lasts by the file's own word, or None."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if tagged := re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", "")):
        hours, minutes, seconds = tagged.groups()
        if total := int(hours) * 3600 + int(minutes) * 60 + float(seconds):
            return total
    if container.duration:
        return container.duration / av.time_base
    return None


def stated_orientation(container: InputContainer, stream: VideoStream) -> Orientation:
    """The display matrix of the container, found by copying the track's header into an empty MOV.

    PyAV hands out the matrix with decoded frames alone, and no frame is decoded here.
    """
    if not {"mov", "matroska"} & set(container.format.name.split(",")):
        return Orientation()
    memory = io.BytesIO()
    try:
        with av.open(memory, "w", format="mov", options={"movflags": "empty_moov"}) as copy:
            copy.add_stream_from_template(stream)
            copy.start_encoding()
    except (av.FFmpegError, ValueError):
        return Orientation()  # a coding that MOV does not take
    header = memory.getvalue()
    at = header.find(b"tkhd") + 4 + 40  # version 0: the matrix follows 40 bytes of other fields
    matrix = np.frombuffer(header, ">i4", count=9, offset=at)
    return orientation_from_matrix(matrix.astype(np.int32))
