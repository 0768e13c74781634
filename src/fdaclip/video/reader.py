"""One pass over a file, decoding as little as the wanted frames allow.

Times here are ticks: whole numbers in the stream's time base, as the container stores them.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from fdaclip.video.errors import NO_ROOM, Stalled, TooLarge
from fdaclip.video.probe import Table

# Non-reference frames are told apart safely by these decoders only.
SKIPPABLE = {"h264", "hevc"}
# Read errors in a row after which the rest of a file is given up.
PATIENCE = 32
# Packets looked at to learn when the first frame is shown; no coding reorders further.
REORDERING = 17
# Kinds of frame that a later P frame looks back to.
REFERENCES = (PictureType.I, PictureType.P)


@dataclass(frozen=True)
class Need:
    """What is wanted of a pass, in ticks.

    Attributes:
        tick: the earliest tick whose shown frame is still wanted.
        then: the one after it; None if there is none, or if it is not known yet.
        more: whether another frame is wanted after that of `tick`, whichever is decoded next.
    """

    tick: int
    then: int | None
    more: bool = False


class Reader:
    """Decodes forward through one video stream, jumping only over keyframes.

    Attributes:
        first: tick at which the first frame is shown.
        interval: ticks between frames where the container's table proves them even, else None.
        damaged: whether reading or decoding has met an error.
        uneven: whether the frames are known to be unevenly spaced.
        second: ticks in a second.
        finished: whether the end of the file was reached.
        may_jump: whether it can be entered elsewhere than at its start.
        key_offset: ticks from when the table says that a keyframe is decoded to when it is shown.
        decoded: frames that the decoder has given so far.
    """

    def __init__(
        self,
        path: Path,
        container: InputContainer,
        stream: VideoStream,
        table: Table | None,
        *,
        time_limit: float,
        reopen: Callable[[], tuple[InputContainer, VideoStream]],
    ) -> None:
        self.path = path
        self.container = container
        self.stream = stream
        self._reopen = reopen
        self.table = table
        self.time_limit = time_limit
        self.damaged = self.uneven = False
        self.decoded = 0
        self.interval = table.interval if table else None
        assert stream.time_base is not None
        self.second = max(1, round(1 / stream.time_base))
        reordering = stream.codec_context.name in SKIPPABLE
        # AVI has no presentation times: these codings' frames bear those of the order of decoding.
        self._mislabelled = reordering and container.format.name == "avi"
        self._may_skip = self.interval is not None and reordering and not self._mislabelled

        self._head: deque[Packet[VideoStream]] = deque()
        self._packets = self._demux()
        self._ready: deque[tuple[int, VideoFrame]] = deque()
        self._last: tuple[int, VideoFrame] | None = None
        self._sent: int | None = None
        self.finished = self._gave_up = False
        self._at_start = self._landing = True
        self._landed: int | None = None
        self._trusted_from: int | None = None
        self._awaiting_key = False
        self._drained = False  # the decoder was told that there is no more
        self._due: list[int] = []
        self._references: deque[int] = deque(maxlen=2 * REORDERING)
        self._count = 0
        self._aimed_at: int | None = None
        self._keys = table.keys if table else None
        self._shown_at: dict[int, int | None] = {}
        self._introduced = self.stream.codec_context.name != "h264"
        self._stride = self.second
        self._opening()

    # -- what the start of the file tells ------------------------------------------------------

    def _opening(self) -> None:
        """Read the first packets ahead, to know when the first frame is shown."""
        while len(self._head) < REORDERING and (packet := self._read()) is not None:
            self._head.append(packet)
        stamps = [p.pts for p in self._head if p.pts is not None and not p.is_discard]
        self.has_times = bool(stamps)
        self.may_jump = self.has_times and not self._mislabelled
        self.first = min(stamps, default=0)
        key = next((p for p in self._head if p.is_keyframe and p.pts is not None), None)
        self.key_offset = 0
        if self.table and self.table.keys and key is not None and key.pts is not None:
            self.key_offset = key.pts - self.table.keys[0]
        self._first_packet = self._identity(self._head[0]) if self._head else None

    @staticmethod
    def _identity(packet: Packet[VideoStream]) -> tuple[int | None, int | None, int]:
        return packet.pts, packet.dts, packet.size

    # -- packets -------------------------------------------------------------------------------

    def _demux(self) -> Iterator[Packet[VideoStream]]:
        return self.container.demux(self.stream)

    def _read(self) -> Packet[VideoStream] | None:
        """The next packet of the file, None at its end; read errors are passed over."""
        for _ in range(PATIENCE):
            try:
                packet = next(self._packets, None)
            except av.ExitError:
                raise Stalled(self.path, f"could not be read in {self.time_limit:g} s") from None
            except MemoryError:
                raise TooLarge(self.path, NO_ROOM) from None
            except (av.FFmpegError, IndexError):  # PyAV's, of a stream that the header did not tell
                self.damaged = True
                self._packets = self._demux()
                continue
            if packet is None or (packet.pts is None and packet.dts is None and not packet.size):
                return None
            if packet.is_corrupt:
                self.damaged = True
            return packet
        self._gave_up = True
        return None

    # -- the pass ------------------------------------------------------------------------------

    def frames(self, wanted: Callable[[], Need | None]) -> Iterator[tuple[int, VideoFrame]]:
        """Sound frames in order of presentation, each with the tick from which it is shown.

        Before every step `wanted` tells the earliest tick whose shown frame is still wanted, None
        if there is none. That frame is among those told, and so is the one that follows it unless
        `shown_until` proves the frame without it; others may be left out. Ends where nothing is
        wanted or no frame is left.

        Raises:
            Stalled: the wanted tick stayed the same for longer than the time limit.
        """
        if (need := wanted()) is None:
            return
        tick = need.tick
        if self._last is not None and tick >= self._last[0]:
            yield self._last
        elif self._last is not None or self._sent is not None or self.finished:
            self._seek(tick)
        since, waiting_for = time.monotonic(), tick
        drained_for: int | None = None
        while (need := wanted()) is not None:
            tick = need.tick
            if self._ready:
                pts, frame = self._ready.popleft()
                if self._landing and pts > tick and not self._at_start:
                    self._seek(tick, below=self._landed)
                    continue
                self._landing = False
                self._last = (pts, frame)
                yield self._last
                continue
            if self.finished:
                return
            if tick != waiting_for:
                since, waiting_for = time.monotonic(), tick
            elif time.monotonic() - since > self.time_limit:
                raise Stalled(self.path, f"no wanted frame was decoded in {self.time_limit:g} s")
            if self._drained or self._seek_pays(tick):
                self._seek(tick)
            if tick != drained_for and self._draining_pays(need):
                drained_for = tick  # once: what does not come out then is damaged
                self._drained = True
                self._take_out(None)
            else:
                self._decode_next(tick)

    def reopen(self) -> None:
        """Stand at the start of the file, with a new decoder."""
        self.container.close()
        self.container, self.stream = self._reopen()
        self._introduced = self.stream.codec_context.name != "h264"
        self._trusted_from = self._aimed_at = None
        self._jump(self.first)

    def measure(self) -> tuple[int, int]:
        """How long it is by reading the whole file, in ticks.

        From the first frame to the end of the last, by their times, where there are any; and by
        their number.
        """
        end = self.first
        count = 0
        while (packet := self._head.popleft() if self._head else self._read()) is not None:
            count += 1
            if packet.pts is not None:
                end = max(end, packet.pts + (packet.duration or self.usual_interval))
        counted = count * self.usual_interval
        return end - self.first if self.has_times else counted, counted

    @property
    def over(self) -> bool:
        """Whether nothing is left from here on: the end itself was reached, all frames are told."""
        return self.finished and not self._gave_up and not self._ready

    @property
    def showing(self) -> bool:
        """Whether any sound frame has come since the last jump."""
        return self._last is not None

    def missing(self, after: int, tick: int) -> bool:
        """Whether a damaged file held a frame in (after, tick] that did not come out soundly."""
        return self.damaged and bisect_right(self._due, tick) > bisect_right(self._due, after)

    def _decode_next(self, tick: int) -> None:
        """Send one packet to the decoder; the sound frames that come out are then ready."""
        packet = self._head.popleft() if self._head else self._read()
        self._introduced = True
        context = self.stream.codec_context
        if packet is not None and packet.pts is not None:
            if self._may_skip:
                assert self.interval is not None
                far = packet.pts + self.interval < tick
                context.skip_frame = "NONREF" if far else "DEFAULT"
            self._sent = packet.pts if self._sent is None else max(self._sent, packet.pts)
            if not packet.is_discard:
                insort(self._due, packet.pts)
        self._take_out(packet)
        if packet is None:
            self.finished = True

    def _take_out(self, packet: Packet[VideoStream] | None) -> None:
        """Send a packet, or the end of the stream, and make the sound frames ready."""
        try:
            frames = self.stream.decode(packet)
        except MemoryError:
            raise TooLarge(self.path, NO_ROOM) from None
        except av.FFmpegError:
            self.damaged = self._awaiting_key = True
            frames = []
        self.decoded += len(frames)
        self._ready.extend(pair for frame in frames if (pair := self._sound(frame)) is not None)

    def shown_until(self, pts: int) -> int | None:
        """Until when the frame of `pts` is shown, where the table proves it; else None."""
        if self.interval is None or self._mislabelled:
            return None
        return pts + self.interval

    def _draining_pays(self, need: Need) -> bool:
        """Whether the wanted frame is in the decoder, and the next one lies beyond a keyframe.

        The decoder gives a frame only some packets later. Telling it that there are no more spares
        those; it then has to start anew at a keyframe.
        """
        if self.interval is None or not self.may_jump or self._sent is None:
            return False
        shown = self._sent + (need.tick - self._sent) // self.interval * self.interval
        at = bisect_left(self._due, shown)
        if at == len(self._due) or self._due[at] != shown:
            return False
        if need.more and self._sent == shown:
            return False
        return need.then is not None and self._key_between(self._sent, need.then)

    def _sound(self, frame: VideoFrame) -> tuple[int, VideoFrame] | None:
        """The frame with its tick, or None if it must not be shown."""
        pts = frame.pts
        if pts is None or not self.has_times:
            pts = self._count * self.usual_interval
        self._count += 1
        if self._mislabelled and self._due:
            pts = self._due[0]  # frames come out in order of presentation
        if self._trusted_from is not None and pts < self._trusted_from:
            return None  # it leans on frames before the keyframe that we jumped to
        if frame.is_corrupt:
            self.damaged = self._awaiting_key = True
            return None
        if self._awaiting_key:
            if not frame.key_frame:
                return None
            self._awaiting_key = False
        at = bisect_left(self._due, pts)
        if at < len(self._due) and self._due[at] == pts:
            del self._due[at]
        if frame.pict_type in REFERENCES:
            self._references.append(pts)
        return pts, frame

    def following(self, pts: int) -> int:
        """The tick of the next frame that is known to follow, or the one that a frame ends at."""
        at = bisect_right(self._due, pts)
        return self._due[at] if at < len(self._due) else pts + 1

    def reference_before(self, pts: int) -> int:
        """The tick of the last I or P frame before that of `pts`, as far as they are known."""
        earlier = (other for other in reversed(self._references) if other < pts)
        return next(earlier, pts - self.usual_interval)

    @property
    def usual_interval(self) -> int:
        rate = self.stream.guessed_rate or self.stream.average_rate or 25
        return max(1, round(self.second / rate))

    # -- jumps ---------------------------------------------------------------------------------

    def _seek_pays(self, tick: int) -> bool:
        """Whether a keyframe lies between the position and the frame shown at `tick`."""
        position = self.first if self._sent is None else self._sent
        if not self.may_jump or tick <= position:
            return False
        if self._aimed_at is not None and tick <= self._aimed_at:
            return False  # the last jump was for it
        if tick - position <= self._stride and not self.table:
            return False
        if not self._known_keys():
            return True
        return self._key_between(position, tick)

    def _key_between(self, position: int, tick: int) -> bool:
        """Whether a known keyframe is shown in (position, tick]."""
        keys = self._known_keys()
        at = bisect_right(keys, tick - self.key_offset)
        return at > 0 and keys[at - 1] + self.key_offset > position

    def _known_keys(self) -> tuple[int, ...]:
        """Timestamps of keyframes, where the file tells them."""
        if self._keys is None:
            self._keys = self._cues()
        return self._keys

    def keyframe(self, low: int, centre: int, high: int) -> int | None:
        """The tick of the keyframe in [low, high) nearest to `centre`, None if none is known.

        A table of frames tells when keyframes are decoded, not when they are shown: the packet
        itself is read for that, which moves the position.
        """
        if not self.may_jump:
            return None
        keys, offset = self._known_keys(), self.key_offset
        near = keys[bisect_left(keys, low - offset) : bisect_left(keys, high - offset)]
        if not near:
            return None
        key = min(near, key=lambda stamp: abs(stamp + offset - centre))
        if self.table is None:
            return key
        if key not in self._shown_at:
            following = keys[bisect_right(keys, key) :]
            # Seeking looks at the order of decoding, for HEVC also at when the keyframe is shown.
            goal = key + offset + REORDERING * self.usual_interval
            self._shown_at[key] = self._jump(min(goal, following[0] - 1) if following else goal)
            self._sent = goal  # the position is no start of a pass
        shown = self._shown_at[key]
        return shown if shown is not None and low <= shown < high else None

    def _cues(self) -> tuple[int, ...]:
        """Where a Matroska file can be entered; it is read beside, for that moves the position."""
        if "matroska" not in self.container.format.name:
            return ()
        container, stream = self._reopen()
        try:
            container.seek(self.first, stream=stream)
            keys = sorted(e.timestamp for e in stream.index_entries if e.is_keyframe)
        except av.FFmpegError:
            return ()
        finally:
            container.close()
        return tuple(keys) if len(keys) > 1 else ()

    def _seek(self, tick: int, *, below: int | None = None) -> None:
        """Stand at a keyframe that is shown at or before `tick` (and before `below`, if given)."""
        before = self._sent
        self._aimed_at = tick
        goal, back = tick, self.second
        if below is not None:
            goal = below - back
        while True:
            key = self._jump(goal)
            if key is None and not self._at_start:
                pass
            elif self._at_start or (
                key is not None and key <= tick and (below is None or key < below)
            ):
                break
            goal = min(goal, goal if key is None else key) - back
            back *= 2
        self._trusted_from = self._landed = key
        if self._at_start:
            self._trusted_from = None
        if self.table is None and before is not None and (key is None or key <= before):
            self._stride *= 2

    def _jump(self, goal: int) -> int | None:
        """Jump near `goal`; the tick of the keyframe we stand at, None if no keyframe follows."""
        head = self._head.popleft() if self._head else None
        self._head.clear()
        self._ready.clear()
        self._due.clear()
        self._references.clear()
        self._last = self._sent = None
        self.finished = self._drained = self._awaiting_key = self._at_start = False
        self._gave_up = False
        self._landing = True
        self._count = 0
        if goal <= self.first or not self.may_jump:
            self._rewind()
            return self.first
        self._introduce(head)
        try:
            self.container.seek(goal, stream=self.stream)
        except av.FFmpegError:
            self._rewind()
            return self.first
        self._packets = self._demux()
        while (packet := self._read()) is not None:
            if self._identity(packet) == self._first_packet:
                self._at_start = True
            if self._at_start or (packet.is_keyframe and packet.pts is not None):
                self._head.append(packet)
                if self.table and packet.pts is not None and packet.dts is not None:
                    self.key_offset = max(self.key_offset, packet.pts - packet.dts)
                return packet.pts
        return None

    def _introduce(self, first: Packet[VideoStream] | None) -> None:
        """Let the decoder see the first packet of the file once, before it enters it elsewhere.

        x264 tells its version there alone, and FFmpeg decodes the 4:4:4 of old ones accordingly.
        The picture itself is not decoded.
        """
        if self._introduced or first is None:
            return
        self._introduced = True
        context = self.stream.codec_context
        before, context.skip_frame = context.skip_frame, "ALL"
        with suppress(av.FFmpegError):
            self.stream.decode(first)
        context.skip_frame = before

    def _rewind(self) -> None:
        """Stand at the file's first packet; a file that cannot be wound back is opened anew."""
        self._at_start = True
        try:
            self.container.seek(self.first, stream=self.stream)
            self._packets = self._demux()
            packet = self._read()
            if packet is not None and self._identity(packet) == self._first_packet:
                self._head.append(packet)
                return
        except av.FFmpegError:
            pass
        self.container.close()
        self.container, self.stream = self._reopen()
        self._packets = self._demux()
