"""A part of a video to the frame: decoded, cut, and encoded as H.264 and AAC in MP4.

The cut begins with the frame whose time is nearest to the start and ends before the one nearest to
the end, so that it holds the same frames as an edit list at the video's own rate. Times of frames
stay as they are, also uneven ones. Pictures are stored upright, in 4:2:0 with 8 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.filter
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import InputContainer, OutputContainer
from av.filter import Graph
from av.packet import Packet
from av.stream import Stream
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from fdaclip.video import Truncated, Video, open_video
from fdaclip.video.pixels import Orientation, orientation_of

from .containers import (
    MP4,
    copy_track,
    describe_file,
    describe_track,
    described,
    open_target,
    tracks,
)
from .lossless import BACK, BACK_FOR_CUES, base_of, packets_of, put, stamp_of, stand, trimmed
from .pieces import Piece, Share
from .timecode import ALIKE

CRF, PRESET = 18, "medium"
SOUND = 96_000  # bits/s a channel
RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
USUAL = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 8: "7.1"}  # by channels
SAMPLES = 1024  # of a frame of AAC
TOLD_EVERY = 1.0  # s of video
UPRIGHT = {0: "", 1: "transpose=cclock", 2: "hflip,vflip", 3: "transpose=clock"}  # by quarter turns


@dataclass(frozen=True)
class Quality:
    """How it is encoded.

    Attributes:
        crf: 0 (lossless) to 51; smaller is better and larger.
        preset: x264's speed against size.
        short_side: px that the shorter side has at most; None leaves the size.
    """

    crf: int = CRF
    preset: str = PRESET
    short_side: int | None = None


def encode(
    source: Path, target: Path, start: float, end: float, quality: Quality | None = None
) -> Iterator[Share | Piece]:
    """Write the frames of [start, end) s of ``source`` to ``target``; last comes the `Piece`.

    Raises:
        VideoError: it cannot be read, or holds nothing there.
        OSError: it cannot be written.
    """
    with open_video(source) as video:
        frames = between(video, start, end)
        first = next(frames, None)
        if first is None:
            raise Truncated(source, f"holds no picture at {start:g} s", "it may be shorter")
        container, stream, origin = video.reopened()
        with closing(container), open_target(target, MP4) as output:
            pictures = Pictures(output, stream, first.frame, quality or Quality())
            sounds, left_out = list[Sound](), list[str]()
            cues: dict[int, Stream] = {}
            for one in tracks(container, stream)[1:]:
                if isinstance(one, AudioStream):
                    sounds.append(Sound(output, one))
                elif one.codec_context.codec.canonical_name == "mov_text":
                    cues[one.index] = copy_track(output, one)
                else:
                    left_out.append(described(one))
            describe_file(output, container, stream, first.time)
            begins = origin * base_of(stream) + Fraction(first.time)
            span = begins, begins + Fraction(end) - Fraction(first.time)
            output.start_encoding()
            _copy_cues(output, video, cues, span)
            tracked = [sound.packets(video, span) for sound in sounds]
            written = first.time
            told = first.time
            for shown in _with_first(first, frames):
                output.mux(pictures.encode(shown))
                written = shown.until
                for sound in tracked:
                    _up_to(output, sound, written - first.time)
                if written - told > TOLD_EVERY:
                    told = written
                    yield Share(min(1.0, (written - first.time) / (end - first.time)))
            output.mux(pictures.rest())
            for sound in tracked:
                _up_to(output, sound, None)
    yield Piece(first.time, written, MP4.suffix, tuple(left_out))


# --- pictures -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """A frame, and from when until when it is shown, in s from the video's start."""

    frame: VideoFrame
    time: float
    until: float


def between(video: Video, start: float, end: float) -> Iterator[Shown]:
    """The frames from the one nearest to ``start`` to that before the nearest to ``end``.

    At least one: that which is shown at ``start``. None where the video ends before it.
    """
    held: tuple[float, VideoFrame] | None = None
    some, alike = False, float(ALIKE)
    for time, frame in video.iter_decoded(start=start):
        if held is not None:
            begins, picture = held
            before_start = not some and begins < start and start - begins > time - start + alike
            beyond = some and time >= end and end - begins <= time - end + alike
            if beyond:
                return
            if not before_start or time >= end:
                some = True
                yield Shown(picture, begins, time)
        if some and time >= end:
            return
        held = time, frame
    if held is not None:
        begins, picture = held
        until = begins + _lasting(video, picture)
        if begins < end and (until > start or some):
            yield Shown(picture, begins, until)


def _lasting(video: Video, frame: VideoFrame) -> float:
    """Seconds that the last frame is shown."""
    if frame.duration and frame.time_base:
        return float(frame.duration * frame.time_base)
    return 1 / (video.probe.rate or 25.0)


def _with_first(first: Shown, others: Iterator[Shown]) -> Iterator[Shown]:
    yield first
    yield from others


class Pictures:
    """The video track of a cut.

    Args:
        stream: of the source. first: its first frame of the cut.
    """

    def __init__(
        self, output: OutputContainer, stream: VideoStream, first: VideoFrame, quality: Quality
    ) -> None:
        self._base = base_of(stream)
        self._begins: int | None = None
        self._turn = orientation_of(first)
        width, height = first.width, first.height
        aspect = stream.sample_aspect_ratio or Fraction(1)
        if self._turn.swaps_sides:
            width, height, aspect = height, width, 1 / aspect if aspect else aspect
        if quality.short_side and min(width, height) > quality.short_side:
            scale = quality.short_side / min(width, height)
            width, height = round(width * scale), round(height * scale)
        self._size = width + width % 2, height + height % 2
        self._graph: Graph | None = None
        self._built_for: tuple[object, ...] = ()
        rate = stream.guessed_rate or stream.average_rate or Fraction(25)
        options = {"crf": str(quality.crf), "preset": quality.preset}
        own = output.add_stream("libx264", rate=rate, options=options)
        own.width, own.height = self._size
        own.pix_fmt = "yuv420p"
        own.time_base = self._base
        context = own.codec_context
        context.time_base = self._base
        context.sample_aspect_ratio = aspect
        upright = self._upright(first)
        context.colorspace, context.color_range = upright.colorspace, upright.color_range
        context.color_primaries, context.color_trc = upright.color_primaries, upright.color_trc
        context.flags |= Flags.frame_duration
        describe_track(own, stream)
        self._own = own

    def encode(self, shown: Shown) -> list[Packet[Any]]:
        """A frame's packets, or those of earlier ones."""
        begins, ends = round(shown.time / self._base), round(shown.until / self._base)
        if self._begins is None:
            self._begins = begins
        frame = self._upright(shown.frame)
        frame.pts, frame.time_base = begins - self._begins, self._base
        frame.duration = max(1, ends - begins)
        frame.pict_type = PictureType.NONE  # the encoder shall choose its own keyframes
        return self._own.encode(frame)

    def rest(self) -> list[Packet[Any]]:
        """What the encoder still holds."""
        return self._own.encode(None)

    def _upright(self, frame: VideoFrame) -> VideoFrame:
        described = frame.width, frame.height, frame.format.name, frame.color_range
        if self._graph is None or described != self._built_for:
            self._graph = _upright_graph(frame, self._turn, self._size)
            self._built_for = described
        frame.pts = None  # the graph has no use for times
        self._graph.vpush(frame)
        return self._graph.vpull()


def _upright_graph(frame: VideoFrame, turn: Orientation, size: tuple[int, int]) -> Graph:
    """Turns frames, makes their sides even by repeating the last row and column, and 4:2:0."""
    width, height = frame.width, frame.height
    if turn.swaps_sides:
        width, height = height, width
    odd = width % 2, height % 2
    steps = ["hflip"] if turn.mirrored else []
    steps += [step for step in UPRIGHT[turn.turns].split(",") if step]
    if any(odd):
        steps += [f"pad={width + odd[0]}:{height + odd[1]}:0:0"]
        steps += [f"fillborders=right={odd[0]}:bottom={odd[1]}:mode=smear"]
    if frame.format.is_rgb or frame.format.has_palette:
        steps.append("scale=out_color_matrix=bt709:out_range=limited")
    if (width + odd[0], height + odd[1]) != size:  # it changed within the video
        steps.append(f"scale={size[0]}:{size[1]}")
    steps.append("format=yuv420p")
    graph = Graph()
    graph.threads = 0
    nodes = [
        graph.add(
            "buffer",
            f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}"
            f":time_base=1/1000:colorspace={frame.colorspace}:range={frame.color_range}",
        )
    ]
    nodes += [graph.add(*step.split("=", 1)) for step in steps]
    graph.link_nodes(*nodes, graph.add("buffersink")).configure()
    return graph


# --- sound and subtitles --------------------------------------------------------------------------


class Sound:
    """A sound track of a cut.

    Args:
        stream: of the source.
    """

    def __init__(self, output: OutputContainer, stream: AudioStream) -> None:
        self._index = stream.index
        self._rate = stream.rate if stream.rate in RATES else 48000
        named = not stream.layout.name.endswith("channels")  # not every file says what they are
        self._layout = stream.layout.name if named else USUAL.get(stream.channels, "stereo")
        channels = max(1, stream.channels)
        own = output.add_stream("aac", rate=self._rate, layout=self._layout)
        own.bit_rate = min(SOUND * channels, 6 * self._rate * channels)
        own.time_base = Fraction(1, self._rate)
        describe_track(own, stream)
        self._own = own

    def packets(
        self, video: Video, span: tuple[Fraction, Fraction]
    ) -> Iterator[tuple[float, list[Packet[Any]]]]:
        """What was encoded, and how far into the cut that is, s; silence where there is none.

        Args:
            span: from when until when, in s of the file's own clock.
        """
        container, picture, first = video.reopened()
        with closing(container):
            stream = container.streams[self._index]
            assert isinstance(stream, AudioStream)
            graph: Graph | None = None
            done = 0
            for frame in _sounding(container, stream, picture, first, span):
                graph = graph or self._graph(frame, stream, span)
                if not _pushed(graph, frame):
                    break
                for cut in _pulled(graph):
                    done += cut.samples
                    yield done / self._rate, self._own.encode(cut)
            if graph:
                _pushed(graph, None)
            for cut in _pulled(graph) if graph else ():
                done += cut.samples
                yield done / self._rate, self._own.encode(cut)
        yield done / self._rate, self._own.encode(None)

    def _graph(
        self, frame: av.AudioFrame, stream: AudioStream, span: tuple[Fraction, Fraction]
    ) -> Graph:
        """For frames as the decoder gives them, which the file's header may tell wrongly."""
        graph = Graph()
        nodes = [
            graph.add_abuffer(
                format=frame.format.name,
                sample_rate=frame.sample_rate,
                layout=frame.layout.name,
                time_base=base_of(stream),
            ),
            graph.add("asetpts", f"PTS-{float(span[0]):.9f}/TB"),
            graph.add("aresample", f"{self._rate}:async=1:first_pts=0"),
            graph.add("atrim", f"end={float(span[1] - span[0]):.9f}"),
            graph.add("aformat", f"sample_fmts=fltp:channel_layouts={self._layout}"),
            graph.add("asetnsamples", f"n={SAMPLES}:p=0"),
            graph.add("abuffersink"),
        ]
        graph.link_nodes(*nodes).configure()
        return graph


def _sounding(
    container: InputContainer,
    stream: AudioStream,
    picture: VideoStream,
    first: int,
    span: tuple[Fraction, Fraction],
) -> Iterator[av.AudioFrame]:
    """The decoded sound of a span and some before it; what is damaged is passed over."""
    start, end = span
    stand(container, picture, int((start - BACK) / base_of(picture)), first)
    for packet in packets_of(container, [stream]):
        if stamp_of(packet) * packet.time_base > end:
            break
        try:
            frames = stream.decode(packet)
        except av.FFmpegError:
            continue
        for frame in frames:
            if frame.pts is not None and frame.time_base:
                ends = frame.pts * frame.time_base + Fraction(frame.samples, frame.sample_rate)
                if ends > start:
                    yield frame


def _pushed(graph: Graph, frame: av.AudioFrame | None) -> bool:
    """False where the cut has all the sound that it takes."""
    try:
        graph.push(frame)
    except EOFError:
        return False
    return True


def _pulled(graph: Graph) -> Iterator[av.AudioFrame]:
    while True:
        try:
            frame = graph.pull()
        except (BlockingIOError, EOFError, av.EOFError):
            return
        assert isinstance(frame, av.AudioFrame)
        yield frame


def _up_to(
    output: OutputContainer, sound: Iterator[tuple[float, list[Packet[Any]]]], seconds: float | None
) -> None:
    """Write a track's sound until it is as far as the pictures; all that is left if None."""
    for far, packets in sound:
        output.mux(packets)
        if seconds is not None and far >= seconds:
            return


def _copy_cues(
    output: OutputContainer,
    video: Video,
    cues: dict[int, Stream],
    span: tuple[Fraction, Fraction],
) -> None:
    """Subtitles that MP4 can hold, as they are."""
    if not cues:
        return
    container, picture, first = video.reopened()
    with closing(container):
        start, end = span
        stand(container, picture, int((start - BACK_FOR_CUES) / base_of(picture)), first)
        for packet in packets_of(container, [container.streams[index] for index in cues]):
            if stamp_of(packet) * packet.time_base > end:
                break
            own = cues[packet.stream.index]
            if trimmed(packet, start, end, early=False):
                put(output, packet, start, own)
