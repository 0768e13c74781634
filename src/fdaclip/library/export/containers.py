"""Which container a cut goes into, and how its tracks are set up there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from .timecode import drops, frame_of, standard, timecode


@dataclass(frozen=True)
class Kind:
    """A container that can be written.

    Attributes:
        format: FFmpeg's name of its writer.
        suffix: how its files' names end.
        options: for the writer.
        signed: may times be below 0? Then they are kept; else the writer moves all tracks together.
    """

    format: str
    suffix: str
    options: Mapping[str, str] = field(default_factory=dict)
    signed: bool = False


MOVFLAGS = {"movflags": "+faststart+use_metadata_tags"}
UNMOVED = {"avoid_negative_ts": "disabled"}  # times of decoding, which it does not store
MP4 = Kind("mp4", ".mp4", {"movflags": "+faststart"}, signed=True)
MKV = Kind("matroska", ".mkv", UNMOVED)
_FAMILIES: dict[str, tuple[Kind, ...]] = {  # the first is for names that end otherwise
    "mov": (
        MP4,
        Kind("mp4", ".m4v", MP4.options, signed=True),
        Kind("mov", ".mov", MOVFLAGS, signed=True),
        Kind("mov", ".qt", MOVFLAGS, signed=True),
        Kind("3gp", ".3gp", {"movflags": "+faststart"}, signed=True),
        Kind("3g2", ".3g2", {"movflags": "+faststart"}, signed=True),
    ),
    "matroska": (MKV, Kind("webm", ".webm", UNMOVED)),
    "avi": (Kind("avi", ".avi"), Kind("avi", ".divx")),
    "mpegts": (
        Kind("mpegts", ".ts"),
        Kind("mpegts", ".m2ts", {"mpegts_m2ts_mode": "1"}),
        Kind("mpegts", ".mts", {"mpegts_m2ts_mode": "1"}),
    ),
    "flv": (Kind("flv", ".flv"), Kind("flv", ".f4v")),
    "asf": (Kind("asf", ".wmv"), Kind("asf", ".asf")),
    "mpeg": (Kind("mpeg", ".mpg"), Kind("mpeg", ".mpeg"), Kind("vob", ".vob")),
    "ogg": (Kind("ogg", ".ogv"), Kind("ogg", ".ogm")),
    "gif": (Kind("gif", ".gif"),),
}
# What a container says of itself, and what would be wrong of a part.
_OWN = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}


def kinds_for(path: Path, format_name: str) -> tuple[Kind, ...]:
    """The containers to try for a part of a file, best first: its own, then Matroska."""
    for name in format_name.split(","):
        if family := _FAMILIES.get(name):
            suffix = path.suffix.lower()
            own = next((kind for kind in family if kind.suffix == suffix), family[0])
            return (own,) if own == MKV else (own, MKV)
    return (MKV,)


def open_target(target: Path, kind: Kind) -> OutputContainer:
    """The file to write, as a container of this kind, whatever its name ends in."""
    return av.open(f"file:{target}", "w", format=kind.format, options=dict(kind.options))


def tracks(container: InputContainer, video: VideoStream) -> list[Stream]:
    """What of a file goes with its video: all sound and subtitles that can be told."""
    others = [*container.streams.audio, *container.streams.subtitles]
    return [video, *(stream for stream in others if stream.codec_context is not None)]


def described(stream: Stream) -> str:
    """``subtitles (mov_text)``, for people."""
    kind = {"audio": "sound", "subtitle": "subtitles"}.get(stream.type, stream.type)
    name = stream.codec_context.name if stream.codec_context else "unknown"
    return f"{kind} ({name})"


def copy_track(output: OutputContainer, stream: Stream) -> Stream:
    """A track that will hold packets of this one as they are; its header is the same.

    Raises:
        av.FFmpegError, ValueError: the container takes no such coding.
    """
    own = output.add_stream_from_template(stream, opaque=True)
    if stream.time_base:
        own.time_base = stream.time_base
    describe_track(own, stream)
    return own


def describe_track(own: Stream, stream: Stream) -> None:
    """Language, title and role of another track."""
    own.metadata.update(_kept(stream.metadata))
    if stream.language:
        own.metadata["language"] = stream.language
    own.disposition = stream.disposition or Disposition(0)


def describe_file(
    output: OutputContainer, container: InputContainer, video: VideoStream, start: float
) -> None:
    """Title, place, date; a timecode goes on from where the cut begins."""
    output.metadata.update(_kept(container.metadata))
    code = start_code(container, video)
    rate = standard(video.average_rate)
    first = frame_of(code, rate) if code and rate else None
    if first is not None and rate is not None:
        drop = drops(rate) and code is not None and ":" not in code[-3:]
        output.metadata["timecode"] = timecode(first + round(start * rate), rate, drop=drop)


def start_code(container: InputContainer, video: VideoStream) -> str | None:
    """The timecode of the first frame, as the file tells it."""
    holders = [video.metadata, container.metadata]
    holders += [stream.metadata for stream in container.streams.data]
    return next((held["timecode"] for held in holders if "timecode" in held), None)


def _kept(metadata: Mapping[str, str]) -> dict[str, str]:
    """Without what the container says of itself."""
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in {*_OWN, "timecode"}
        and not key.upper().startswith(("DURATION", "_STATISTICS", "NUMBER_OF_", "BPS"))
    }
