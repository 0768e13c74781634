"""Open a video, ask for frames at times."""

import errno
import math
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import av
import numpy as np
from av.codec.context import Flags2
from av.container import InputContainer
from av.subtitles.stream import SubtitleStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from fdaclip.video.captured import captured
from fdaclip.video.clip import Clip, Gathering
from fdaclip.video.errors import (
    NO_ROOM,
    Damaged,
    Missing,
    NotAVideo,
    NoVideoStream,
    Stalled,
    TooLarge,
    Truncated,
    UnknownCodec,
    Unreadable,
    VideoError,
)
from fdaclip.video.packets import Packets, packets_of_table, packets_read
from fdaclip.video.pixels import ROUGHLY, SCALER, ToRGB, scaled_size
from fdaclip.video.probe import (
    Probe,
    believable,
    read_table,
    stated_duration,
    stated_orientation,
)
from fdaclip.video.reader import Need, Reader
from fdaclip.video.times import PARTNER_DELAY, Sampling, Window, uniform_times
from fdaclip.video.vectors import GIVING, stacked

# Times closer than this under a frame's presentation time reach it: floats are not ticks.
NANOSECOND = 1e-9
# Matroska and others round presentation times to this.
MILLISECOND = 1e-3
# Containers whose stated duration is the time of the end, wherever the first frame is.
STATES_END = {"matroska", "flv"}
# Codings of subtitles that are text.
TEXT_CODINGS = {"mov_text", "subrip", "srt", "ass", "ssa", "webvtt", "text"}
# Formats that are lists of other files or addresses: reading one would read what it names.
NAMING_OTHERS = {"concat", "dash", "hls", "imf", "rtp", "rtsp", "sap", "sdp"}
FORMATS = ",".join(sorted(av.formats_available - NAMING_OTHERS))


@dataclass(frozen=True)
class Frames:
    """Frames at wanted times, in the order of the request.

    Attributes:
        rgb: uint8 [T,H,W,3], as shown.
        times: float64 [T], when each frame is first shown, in seconds from the video's start.
        requested: float64 [T], the time that each frame was asked for.
        lost: requested times whose frame could not be decoded; they have no row above.
    """

    rgb: NDArray[np.uint8]
    times: NDArray[np.float64]
    requested: NDArray[np.float64]
    lost: tuple[float, ...] = ()


def open_video(
    path: str | os.PathLike[str],
    *,
    threads: int = 0,
    time_limit: float = 60.0,
    rough: bool = False,
) -> "Video":
    """Open a video file; nothing is decoded yet.

    Args:
        path: a file. Still pictures (JPEG, PNG, …) are `NotAVideo`; a GIF of one frame is a video.
        threads: of the decoder; 0 takes as many as there are processors. Many files at once decode
            faster with one thread each.
        time_limit: seconds without a wanted frame after which a call gives up (`Stalled`). It is
            looked at between packets: for a limit that holds whatever the decoder does, decode in
            a process of its own (`fdaclip.video.isolated`).
        rough: leave out the decoder's smoothing of block edges, and scale by plain averages: the
            right frames, in pictures that will do to tell shots apart.

    Raises:
        Missing, Unreadable: the file cannot be read.
        NotAVideo, NoVideoStream, Truncated, UnknownCodec: the file has no video that can be used.
        Stalled: reading took longer than the limit.
    """
    return Video(path, threads=threads, time_limit=time_limit, rough=rough)


class Video:
    """An open video: see `open_video`. Close it, or use it in a `with` statement.

    Attributes:
        path: the file.
        probe: what the file says about its video.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        threads: int = 0,
        time_limit: float = 60.0,
        rough: bool = False,
    ) -> None:
        if not time_limit > 0:
            raise ValueError(f"time_limit must be above 0 seconds, not {time_limit}")
        if threads < 0:
            raise ValueError(f"threads must be 0 (as many as processors) or more, not {threads}")
        self.path = Path(path)
        self._threads, self._time_limit, self._rough = threads, time_limit, rough
        self._exports = False  # the decoder's motion vectors
        container, stream = self._open()
        try:
            table = read_table(container, stream)
            self._reader = Reader(
                self.path,
                container,
                stream,
                table,
                time_limit=time_limit,
                reopen=self._open,
            )
            self.probe = self._read_probe()
            self._reader.uneven = self.probe.variable_rate
        except BaseException:
            container.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._reader.container.close()

    def __repr__(self) -> str:
        p = self.probe
        return f"<Video {self.path.name!r} {p.width}x{p.height} {p.codec} {p.duration} s>"

    # -- opening -------------------------------------------------------------------------------

    def _open(self) -> tuple[InputContainer, VideoStream]:
        _check_file(self.path)
        try:
            container = av.open(
                f"file:{os.fspath(self.path)}",
                options={"format_whitelist": FORMATS, "protocol_whitelist": "file"},
                metadata_errors="replace",
                timeout=self._time_limit,
            )
        except av.ExitError:
            raise Stalled(self.path, f"could not be opened in {self._time_limit:g} s") from None
        except FileNotFoundError:
            raise Missing(self.path, "there is no such file") from None
        except MemoryError:
            raise TooLarge(self.path, NO_ROOM) from None
        except (av.FFmpegError, OSError) as error:
            raise _not_opened(self.path, error) from None
        try:
            return container, self._choose_stream(container)
        except BaseException:
            container.close()
            raise

    def _choose_stream(self, container: InputContainer) -> VideoStream:
        if container.format.name == "image2" or container.format.name.endswith("_pipe"):
            raise NotAVideo(self.path, "is a still picture", "leave it out")
        streams = [
            stream
            for stream in container.streams.video
            if not stream.disposition & av.stream.Disposition.attached_pic
        ]
        if not streams:
            raise NoVideoStream(self.path, "holds no video")
        best = container.streams.best("video")
        stream = next(
            (s for s in streams if best is not None and s.index == best.index), streams[0]
        )
        if stream.codec_context is None:
            raise UnknownCodec(self.path, "its video is in a coding that cannot be decoded here")
        if not stream.codec_context.width or not stream.codec_context.height:
            raise Truncated(self.path, "holds no frame from which its size could be told")
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = self._threads
        if self._rough:
            stream.codec_context.options = {"skip_loop_filter": "all"}
        if self._exports:
            stream.codec_context.flags2 |= Flags2.export_mvs
        return stream

    def _read_probe(self) -> Probe:
        reader, stream = self._reader, self._reader.stream
        table, context = reader.table, stream.codec_context
        duration = stated_duration(reader.container, stream)
        if duration is not None and STATES_END & set(reader.container.format.name.split(",")):
            duration -= float(reader.first * self._base)
        if duration is not None and not believable(duration, reader.container.size):
            duration = None
        turned = stated_orientation(reader.container, stream)
        width, height = context.width, context.height
        if turned.swaps_sides:
            width, height = height, width
        rate = stream.average_rate if reader.has_times else stream.guessed_rate
        variable = table is not None and table.interval is None and table.length > 2
        if reader.has_times and table is None and stream.average_rate and stream.base_rate:
            variable = abs(stream.average_rate / stream.base_rate - 1) > 0.02
        return Probe(
            duration=duration,
            width=width,
            height=height,
            rate=float(rate) if rate else None,
            frames=table.length if table else stream.frames or None,
            codec=context.codec.canonical_name,
            pixel_format=context.pix_fmt,
            rotation=turned.turns * 90,
            variable_rate=variable,
            start=float(reader.first * self._base),
            container=reader.container.format.name,
            audio=bool(reader.container.streams.audio),
            captured=captured((reader.container.metadata, stream.metadata)),
        )

    # -- times ---------------------------------------------------------------------------------

    @property
    def _base(self) -> Fraction:
        base = self._reader.stream.time_base
        assert base is not None
        return base

    def _tick(self, seconds: float) -> int:
        if not math.isfinite(seconds):
            raise ValueError(f"a time must be finite seconds, not {seconds}")
        return self._reader.first + math.floor((max(seconds, 0.0) + NANOSECOND) / float(self._base))

    def _ticks(self, seconds: float, rounded: Callable[[float], int]) -> int:
        return rounded(seconds / float(self._base))

    def _seconds(self, tick: int) -> float:
        return float((tick - self._reader.first) * self._base)

    @property
    def duration(self) -> float:
        """Seconds that the video lasts; measured by reading (not decoding) where it is not stated.

        Raises:
            Truncated: the file holds no frame. Damaged: what its frames tell cannot be.
        """
        if self.probe.duration is not None:
            return self.probe.duration
        if self._measured is None:
            self._measured = self._measure()
        return self._measured

    _measured: float | None = None

    def _measure(self) -> float:
        with open_video(self.path, time_limit=self._time_limit) as other:
            size = other._reader.container.size
            found = other._reader.measure()
            for ticks in found:
                if believable(seconds := float(ticks * self._base), size):
                    return seconds
        if not any(found):
            raise Truncated(self.path, "holds no frame")
        raise Damaged(self.path, "its frames' times make no sense")

    def _ends(self) -> int | None:
        return None if self.probe.duration is None else self._tick(self.probe.duration)

    def reopened(self) -> tuple[InputContainer, VideoStream, int]:
        """The file opened once more, for its packets: with its track, and the tick of its start.

        Raises:
            as `open_video`.
        """
        return *self._open(), self._reader.first

    def packets(self) -> Iterator[Packets]:
        """What the packets of the video weigh, in pieces that follow each other; decodes nothing.

        Where the container has no complete table of frames (MP4, MOV and AVI do), the file is read
        for it, beside. What cannot be read is left out.
        """
        reader, second = self._reader, 1 / float(self._base)
        if reader.table is not None:
            yield packets_of_table(reader.table, second, reader.first, reader.key_offset)
            return
        try:
            container, stream, first = self.reopened()
        except VideoError:
            return
        with container:
            yield from packets_read(container, stream, second, first)

    @property
    def enterable(self) -> bool:
        """Can it be entered at a keyframe, rather than be decoded from its start each time?"""
        return self._reader.may_jump and self.probe.container != "gif"

    @property
    def has_text(self) -> bool:
        """Has it a track of subtitles that is text, not pictures?"""
        return any(is_text(stream) for stream in self._reader.container.streams.subtitles)

    @property
    def decoded(self) -> int:
        """Frames that the decoder has given so far, wanted or not."""
        return self._reader.decoded

    # -- frames --------------------------------------------------------------------------------

    def frames_at(
        self, times: Sequence[float] | NDArray[np.float64], *, short_side: int | None = None
    ) -> Frames:
        """The frame shown at each time: the one with the largest presentation time ≤ t.

        Before the first frame that is the first, after the last it is the last. Times may repeat
        and come in any order. A time within a nanosecond under a presentation time reaches it.

        Args:
            times: seconds from the video's start.
            short_side: scale so that the shorter side has this many pixels, the longer
                `int(short_side * long / short)`; None leaves the size. The scaling is bicubic and
                antialiased with Pillow's kernel, done by the decoder's own scaler on luma and
                chroma. Against Pillow's BICUBIC on the full RGB frame it is off by 0.1 to 0.4 of
                255 on average; at the edges of saturated colours, where the chroma of 4:2:0 is
                interpolated otherwise, single values differ by tens.

        Raises:
            Truncated, Damaged: none of the frames could be decoded.
            Stalled: no wanted frame came within the time limit.
            ValueError: a time is not finite.
        """
        requested = np.asarray(times, np.float64)
        convert = _Converted(self._converter(short_side))
        gathering = Gathering(self._reader, self._ends(), convert)
        gathering.fill({slot: self._tick(float(t)) for slot, t in enumerate(requested)})
        found = gathering.frames
        if len(requested) and not found:
            raise self._nothing()
        kept = sorted(found)
        return Frames(
            rgb=self._stack([found[slot][1] for slot in kept], short_side),
            times=np.array([self._seconds(found[slot][0]) for slot in kept], np.float64),
            requested=requested[kept],
            lost=tuple(float(t) for slot, t in enumerate(requested) if slot not in found),
        )

    def clip(
        self,
        frames: int = 12,
        *,
        start: float = 0.0,
        end: float | None = None,
        partner: float | Literal["sampled"] = PARTNER_DELAY,
        short_side: int | None = None,
        sampling: Sampling | None = None,
        places: NDArray[np.float64] | None = None,
        vectors: bool = False,
    ) -> Clip:
        """T frames of [start, end), uniformly, each with a partner frame close in time.

        The window is cut into T equal segments and the frame shown at the centre of each is taken.
        Its partner is the frame shown `partner` seconds after the frame itself is first shown, at
        least the next one; where no later frame exists it is the one shown `partner` seconds
        before. So a partner is another frame wherever the video has another. A frame that begins up
        to a millisecond too late still counts, for many containers round to milliseconds.

        Anchored (`sampling.anchored`), a segment that holds keyframes gives the one nearest its
        centre instead. A keyframe that cannot be decoded, or that another segment shows as well,
        gives way to the frame at the centre.

        Args:
            frames: T.
            start, end: seconds from the video's start; the whole video by default.
            partner: seconds, or "sampled": the next of the T frames (the last has the one before).
            short_side: as in `frames_at`.
            sampling: `frames` and `partner` in one value, instead of them.
            places: float [T] in [0,1), where in its segment each frame is taken; the centre if
                None. Places are exact, anchored or not.
            vectors: take the decoder's motion vectors (`Clip.vectors`) instead of partners: those
                of the first P frame from each frame on, or before it where a cut or the end comes
                first. Where the coding gives none, or a frame has none, partners are taken.

        Raises:
            as `frames_at`; ValueError also where the window is empty or places are not T.
        """
        sampling = sampling or Sampling(frames, partner)
        window = Window(start, self.duration if end is None else end)
        if places is not None and np.shape(places) != (sampling.frames,):
            raise ValueError(f"places must be [{sampling.frames}], not {list(np.shape(places))}")
        return self._clip(window, sampling, short_side, places, vectors=vectors)

    def clips(
        self,
        windows: Iterable[Window],
        sampling: Sampling | None = None,
        *,
        short_side: int | None = None,
        vectors: bool = False,
    ) -> Iterator[Clip]:
        """A clip of each window; one forward pass if the windows ascend, one window in memory.

        Windows that are lost as a whole (a truncated file) are left out; if all are, the last
        error is raised.
        """
        sampling = sampling or Sampling()
        some, error, end = False, None, math.inf
        for window in windows:
            if window.start >= end:
                continue
            try:
                clip = self._clip(window, sampling, short_side, vectors=vectors)
            except (Truncated, Damaged) as lost:
                error = lost
                if self._reader.over:  # what comes later is lost as well, and not looked for
                    end = min(end, window.start)
                continue
            some = True
            yield clip
        if error is not None and not some:
            raise error

    def iter_frames(
        self, *, start: float = 0.0, end: float | None = None, short_side: int | None = None
    ) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Every sound frame shown in [start, end), in order: (time, uint8 [H,W,3]).

        The first is the one shown at `start`, which may have begun before it. Ask this video for
        nothing else until the iteration is over: both read from one position.
        """
        convert = self._converter(short_side)
        for seconds, frame in self.iter_decoded(start=start, end=end):
            yield seconds, convert(frame)

    def iter_decoded(
        self, *, start: float = 0.0, end: float | None = None
    ) -> Iterator[tuple[float, VideoFrame]]:
        """The same frames as the decoder gives them, as stored: not turned, not converted."""
        begin = self._tick(start)
        stop = math.inf if end is None else self._tick(end - NANOSECOND) + 1
        before: tuple[int, VideoFrame] | None = None

        def wanted() -> Need:
            """What has just been seen, so that nothing is jumped over."""
            return Need(begin if before is None else max(begin, before[0]), None)

        for pts, frame in self._reader.frames(wanted):
            if pts >= stop:
                break
            if before is not None and pts > begin:
                yield self._seconds(before[0]), before[1]
            before = (pts, frame)
        if before is not None:
            yield self._seconds(before[0]), before[1]

    # -- inside --------------------------------------------------------------------------------

    def _converter(self, short_side: int | None) -> ToRGB:
        if short_side is not None and short_side < 1:
            raise ValueError(f"short_side must be at least 1 pixel, not {short_side}")
        width, height = scaled_size(self.probe.width, self.probe.height, short_side)
        return ToRGB(width, height, ROUGHLY if self._rough else SCALER)

    def _stack(
        self, pictures: list[NDArray[np.uint8]], short_side: int | None
    ) -> NDArray[np.uint8]:
        if pictures:
            return np.stack(pictures)
        width, height = scaled_size(self.probe.width, self.probe.height, short_side)
        return np.empty((0, height, width, 3), np.uint8)

    def _nothing(self) -> VideoError:
        if self._reader.finished and self._reader.showing:
            return Truncated(self.path, "ends before the wanted frames")
        return Damaged(self.path, "none of the wanted frames can be decoded")

    def _clip(
        self,
        window: Window,
        sampling: Sampling,
        short_side: int | None,
        places: NDArray[np.float64] | None = None,
        *,
        vectors: bool = False,
    ) -> Clip:
        count = sampling.frames
        requested = uniform_times(count, window.start, window.end)
        if places is not None:
            requested = requested + (places - 0.5) * (window.length / count)
        ticks = {slot: self._tick(float(t)) for slot, t in enumerate(requested)}
        vectors = vectors and self._exporting()
        anchors: dict[int, int] = {}
        if sampling.anchored and places is None:
            anchors = self._anchors(window, ticks)
        delay = None if sampling.partner == "sampled" else sampling.partner
        gap = None if delay is None else max(1, self._ticks(delay + MILLISECOND, math.floor))
        found = Gathering(
            self._reader,
            self._ends(),
            _Converted(self._converter(short_side)),
            gap=gap,
            vectors=vectors,
        )
        found.fill(ticks | anchors)
        if again := found.doubtful(anchors):
            found.fill({slot: ticks[slot] for slot in again})
        if not found.frames:
            raise self._nothing()
        kept = sorted(found.frames)
        moves = None
        if vectors and found.look_further():
            moves = stacked([found.fields[slot] for slot in kept], float(self._base))
        if moves is not None:
            partners = []
        elif gap is None or delay is None:
            following = [*kept[1:], kept[max(len(kept) - 2, 0)]]
            partners = [found.frames[slot] for slot in following]
        else:
            back = self._ticks(delay - MILLISECOND - NANOSECOND, math.ceil)
            found.pair(gap, max(1, back))
            partners = [found.partners[slot] for slot in kept]
        return Clip(
            rgb=np.stack([found.frames[slot][1] for slot in kept]),
            partners=self._stack([picture for _, picture in partners], short_side),
            times=np.array([self._seconds(found.frames[slot][0]) for slot in kept]),
            partner_times=np.array([self._seconds(pts) for pts, _ in partners], np.float64),
            lost=tuple(float(t) for slot, t in enumerate(requested) if slot not in found.frames),
            path=self.path,
            start=window.start,
            end=window.end,
            vectors=moves,
        )

    def _anchors(self, window: Window, ticks: dict[int, int]) -> dict[int, int]:
        """The keyframe nearest the centre of each segment that holds one, as ticks by slot."""
        edges = np.linspace(window.start, window.end, len(ticks) + 1)
        bounds = [self._reader.first + self._ticks(e - NANOSECOND, math.ceil) for e in edges]
        found = {}
        for slot, centre in ticks.items():
            if (key := self._reader.keyframe(bounds[slot], centre, bounds[slot + 1])) is not None:
                found[slot] = key
        return found

    def _exporting(self) -> bool:
        """Let the decoder hand out its motion vectors from now on, if it can."""
        context = self._reader.stream.codec_context
        if context.name not in GIVING:
            return False
        if not self._exports:
            self._exports = True
            if context.is_open:  # it takes the flag at its start only
                self._reader.reopen()
            else:
                context.flags2 |= Flags2.export_mvs
        return True


def is_text(stream: SubtitleStream) -> bool:
    """Is a track of subtitles text that can be read, not pictures?"""
    return stream.codec_context is not None and stream.codec_context.name in TEXT_CODINGS


class _Converted:
    """Converts a frame once, however many places it fills."""

    def __init__(self, convert: ToRGB) -> None:
        self._convert = convert
        self._of: int | None = None

    def __call__(self, pts: int, frame: VideoFrame) -> NDArray[np.uint8]:
        if pts != self._of:
            self._picture = self._convert(frame)
            self._of = pts
        return self._picture


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise Missing(path, "there is no such file") from None
    except OSError as error:
        raise Unreadable(path, f"cannot be read ({error.strerror})") from None
    if stat.S_ISDIR(status.st_mode):
        raise Unreadable(path, "is a folder", "name a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise NotAVideo(path, "is not an ordinary file", "leave it out")
    if status.st_size == 0:
        raise NotAVideo(path, "is empty (0 bytes)", "copy or download it again")
    if not os.access(path, os.R_OK):
        raise Unreadable(path, "may not be read (permission denied)", "chmod u+r, or leave it out")


# Errors that are the disk's or the network's; FFmpeg tells others of what it read, too.
FAILING = (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENODEV, errno.ENXIO)
# What lists of other files begin with.
_LISTS = (b"ffconcat", b"#EXTM3U", b"v=0")
# What the formats that keep their index at the end begin with.
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")


def _not_opened(path: Path, error: BaseException) -> VideoError:
    try:
        with path.open("rb") as file:
            beginning = file.read(12)
    except PermissionError:
        return Unreadable(path, "may not be read (permission denied)", "chmod u+r, or leave it out")
    except OSError as reading:
        return Unreadable(path, f"cannot be read ({reading.strerror})")
    if beginning[4:8] in _BOXES:
        return Truncated(path, "its index of frames is missing: the end of the file is cut off")
    if beginning[:4] == b"\x1aE\xdf\xa3" or beginning[:4] == b"RIFF":
        return Truncated(path, "ends within its header")
    if isinstance(error, OSError) and error.errno in FAILING:
        return Unreadable(path, f"cannot be read ({error.strerror})")
    if beginning.startswith(_LISTS):
        return NotAVideo(path, "is a list of other files", "name those instead")
    return NotAVideo(path, "is in no video format that is known")
