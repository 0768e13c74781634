"""Open a video, ask for frames at times."""

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
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from fdaclip.video.errors import (
    Damaged,
    Missing,
    NotAVideo,
    NoVideoStream,
    Stalled,
    Truncated,
    UnknownCodec,
    Unreadable,
    VideoError,
)
from fdaclip.video.pick import Picker, Want
from fdaclip.video.pixels import ToRGB, scaled_size
from fdaclip.video.probe import Probe, read_table, stated_duration, stated_orientation
from fdaclip.video.reader import Reader
from fdaclip.video.times import PARTNER_DELAY, Sampling, Window, uniform_times

# Times closer than this under a frame's presentation time reach it: floats are not ticks.
NANOSECOND = 1e-9
# Matroska and others round presentation times to this.
MILLISECOND = 1e-3
# Containers whose stated duration is the time of the end, wherever the first frame is.
STATES_END = {"matroska", "flv"}


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


@dataclass(frozen=True)
class Clip:
    """Frames that represent a window of a video, each with a partner close in time.

    Attributes:
        rgb: uint8 [T,H,W,3], as shown.
        partners: uint8 [T,H,W,3], the frame each one is compared with.
        times: float64 [T], when each frame is first shown, in seconds from the video's start.
        partner_times: float64 [T], likewise.
        lost: times asked for whose frame could not be decoded; they have no row above.
        path: the file.
        start: where the window begins, in seconds from the video's start.
        end: where it ends.
    """

    rgb: NDArray[np.uint8]
    partners: NDArray[np.uint8]
    times: NDArray[np.float64]
    partner_times: NDArray[np.float64]
    lost: tuple[float, ...]
    path: Path
    start: float
    end: float


def open_video(
    path: str | os.PathLike[str], *, threads: int = 0, time_limit: float = 60.0
) -> "Video":
    """Open a video file; nothing is decoded yet.

    Args:
        path: a file. Still pictures (JPEG, PNG, …) are `NotAVideo`; a GIF of one frame is a video.
        threads: of the decoder; 0 takes as many as there are processors. Many files at once decode
            faster with one thread each.
        time_limit: seconds without a wanted frame after which a call gives up (`Stalled`). It is
            looked at between packets: for a limit that holds whatever the decoder does, decode in
            a process of its own (`fdaclip.video.isolated`).

    Raises:
        Missing, Unreadable: the file cannot be read.
        NotAVideo, NoVideoStream, Truncated, UnknownCodec: the file has no video that can be used.
        Stalled: reading took longer than the limit.
    """
    return Video(path, threads=threads, time_limit=time_limit)


class Video:
    """An open video: see `open_video`. Close it, or use it in a `with` statement.

    Attributes:
        path: the file.
        probe: what the file says about its video.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, threads: int = 0, time_limit: float = 60.0
    ) -> None:
        if not time_limit > 0:
            raise ValueError(f"time_limit must be above 0 seconds, not {time_limit}")
        if threads < 0:
            raise ValueError(f"threads must be 0 (as many as processors) or more, not {threads}")
        self.path = Path(path)
        self._threads, self._time_limit = threads, time_limit
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
                f"file:{os.fspath(self.path)}", metadata_errors="replace", timeout=self._time_limit
            )
        except av.ExitError:
            raise Stalled(self.path, f"could not be opened in {self._time_limit:g} s") from None
        except FileNotFoundError:
            raise Missing(self.path, "there is no such file") from None
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
        return stream

    def _read_probe(self) -> Probe:
        reader, stream = self._reader, self._reader.stream
        table, context = reader.table, stream.codec_context
        duration = stated_duration(reader.container, stream)
        if duration is not None and STATES_END & set(reader.container.format.name.split(",")):
            duration -= float(reader.first * self._base)
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

    def _seconds(self, tick: int) -> float:
        return float((tick - self._reader.first) * self._base)

    @property
    def duration(self) -> float:
        """Seconds that the video lasts; measured by reading (not decoding) where it is not stated.

        Raises:
            Truncated: the file holds no frame.
        """
        if self.probe.duration is not None:
            return self.probe.duration
        if self._measured is None:
            self._measured = self._measure()
        return self._measured

    _measured: float | None = None

    def _measure(self) -> float:
        with open_video(self.path, time_limit=self._time_limit) as other:
            return float(other._reader.measure() * self._base)

    def _ends(self) -> int | None:
        return None if self.probe.duration is None else self._tick(self.probe.duration)

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
        found: dict[int, tuple[int, NDArray[np.uint8]]] = {}
        convert = _Converted(self._converter(short_side))

        def take(slot: int, pts: int, frame: VideoFrame) -> None:
            found[slot] = (pts, convert(pts, frame))

        wants = [Want(self._tick(float(t)), slot) for slot, t in enumerate(requested)]
        self._fill(wants, take)
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
    ) -> Clip:
        """T frames of [start, end), uniformly, each with a partner frame close in time.

        The window is cut into T equal segments and the frame shown at the centre of each is taken.
        Its partner is the frame shown `partner` seconds after the frame itself is first shown, at
        least the next one; where no later frame exists it is the one shown `partner` seconds
        before. So a partner is another frame wherever the video has another. A frame that begins up
        to a millisecond too late still counts, for many containers round to milliseconds.

        Args:
            frames: T.
            start, end: seconds from the video's start; the whole video by default.
            partner: seconds, or "sampled": the next of the T frames (the last has the one before).
            short_side: as in `frames_at`.
            sampling: `frames` and `partner` in one value, instead of them.
            places: float [T] in [0,1), where in its segment each frame is taken; the centre if
                None.

        Raises:
            as `frames_at`; ValueError also where the window is empty or places are not T.
        """
        sampling = sampling or Sampling(frames, partner)
        window = Window(start, self.duration if end is None else end)
        if places is not None and np.shape(places) != (sampling.frames,):
            raise ValueError(f"places must be [{sampling.frames}], not {list(np.shape(places))}")
        return self._clip(window, sampling, short_side, places)

    def clips(
        self,
        windows: Iterable[Window],
        sampling: Sampling | None = None,
        *,
        short_side: int | None = None,
    ) -> Iterator[Clip]:
        """A clip of each window; one forward pass if the windows ascend, one window in memory.

        Windows that are lost as a whole (a truncated file) are left out; if all are, the last
        error is raised.
        """
        sampling = sampling or Sampling()
        some, error = False, None
        for window in windows:
            try:
                clip = self._clip(window, sampling, short_side)
            except (Truncated, Damaged) as lost:
                error = lost
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
        begin = self._tick(start)
        stop = math.inf if end is None else self._tick(end - NANOSECOND) + 1
        before: tuple[int, VideoFrame] | None = None

        def wanted() -> int:
            """What has just been seen, so that nothing is jumped over."""
            return begin if before is None else max(begin, before[0])

        for pts, frame in self._reader.frames(wanted):
            if pts >= stop:
                break
            if before is not None and pts > begin:
                yield self._seconds(before[0]), convert(before[1])
            before = (pts, frame)
        if before is not None:
            yield self._seconds(before[0]), convert(before[1])

    # -- inside --------------------------------------------------------------------------------

    def _converter(self, short_side: int | None) -> ToRGB:
        if short_side is not None and short_side < 1:
            raise ValueError(f"short_side must be at least 1 pixel, not {short_side}")
        return ToRGB(*scaled_size(self.probe.width, self.probe.height, short_side))

    def _stack(
        self, pictures: list[NDArray[np.uint8]], short_side: int | None
    ) -> NDArray[np.uint8]:
        if pictures:
            return np.stack(pictures)
        width, height = scaled_size(self.probe.width, self.probe.height, short_side)
        return np.empty((0, height, width, 3), np.uint8)

    def _fill(self, wants: list[Want], take: Callable[[int, int, VideoFrame], Want | None]) -> None:
        Picker(self._reader, wants, self._ends(), take).run()

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
    ) -> Clip:
        requested = uniform_times(sampling.frames, window.start, window.end)
        if places is not None:
            requested = requested + (places - 0.5) * (window.length / sampling.frames)
        if sampling.partner == "sampled":
            found = self.frames_at(requested, short_side=short_side)
            count = len(found.times)
            order = np.minimum(np.arange(1, count + 1), count - 1)
            order[-1] = max(count - 2, 0)
            pairs = (found.rgb, found.rgb[order], found.times, found.times[order], found.lost)
        else:
            pairs = self._pairs(requested, sampling.partner, short_side)
        return Clip(*pairs, self.path, window.start, window.end)

    def _pairs(
        self, requested: NDArray[np.float64], delay: float, short_side: int | None
    ) -> tuple[
        NDArray[np.uint8],
        NDArray[np.uint8],
        NDArray[np.float64],
        NDArray[np.float64],
        tuple[float, ...],
    ]:
        count = len(requested)
        gap = max(1, math.floor((delay + MILLISECOND) / float(self._base)))
        found: dict[int, tuple[int, NDArray[np.uint8]]] = {}  # partner of slot i: count + i
        convert = _Converted(self._converter(short_side))

        def take(slot: int, pts: int, frame: VideoFrame) -> Want | None:
            found[slot] = (pts, convert(pts, frame))
            return Want(pts + gap, count + slot, after=pts) if slot < count else None

        wants = [Want(self._tick(float(t)), slot) for slot, t in enumerate(requested)]
        self._fill(wants, take)
        if not any(slot < count for slot in found):
            raise self._nothing()
        kept = [slot for slot in range(count) if slot in found]
        alone = [slot for slot in kept if count + slot not in found]
        if alone:  # nothing sound is later: look back, in a second short pass
            back = max(1, math.ceil((delay - MILLISECOND - NANOSECOND) / float(self._base)))
            earlier = [Want(found[slot][0] - back, count + slot) for slot in alone]
            self._fill(earlier, take)
        for slot in alone:
            found.setdefault(count + slot, found[slot])
        return (
            np.stack([found[slot][1] for slot in kept]),
            np.stack([found[count + slot][1] for slot in kept]),
            np.array([self._seconds(found[slot][0]) for slot in kept]),
            np.array([self._seconds(found[count + slot][0]) for slot in kept]),
            tuple(float(t) for slot, t in enumerate(requested) if slot not in found),
        )


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


# What the formats that keep their index at the end begin with.
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")


def _not_opened(path: Path, error: BaseException) -> VideoError:
    if isinstance(error, PermissionError):
        return Unreadable(path, "may not be read (permission denied)", "chmod u+r, or leave it out")
    try:
        with path.open("rb") as file:
            beginning = file.read(12)
    except OSError as reading:
        return Unreadable(path, f"cannot be read ({reading.strerror})")
    if beginning[4:8] in _BOXES:
        return Truncated(path, "its index of frames is missing: the end of the file is cut off")
    if beginning[:4] == b"\x1aE\xdf\xa3" or beginning[:4] == b"RIFF":
        return Truncated(path, "ends within its header")
    if isinstance(error, OSError) and not isinstance(error, ValueError):
        return Unreadable(path, f"cannot be read ({error.strerror})")
    return NotAVideo(path, "is in no video format that is known")
