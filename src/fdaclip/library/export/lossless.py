"""A part of a video, packet by packet: nothing is decoded, nothing is lost.

A picture can be decoded only from a keyframe on, so the part begins at the last keyframe that is
shown at or before its start. It ends where nothing is left out between its first picture and its
last: pictures are stored in the order of decoding, in which one that is shown later may come first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from errno import EDQUOT, EIO, ENOSPC, EROFS
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from fdaclip.video import Damaged, Truncated, Video, open_video

from .containers import Kind, copy_track, describe_file, described, kinds_for, open_target, tracks
from .pieces import Piece, Share

TOLERANCE = Fraction(1, 2000)  # s; Matroska and others round times to 1/1000
BACK = Fraction(2)  # s before the first picture from which sound is read, for it may come early
BACK_FOR_CUES = Fraction(10)  # s, where there are subtitles: a cue may have begun so long before
BEYOND = Fraction(3)  # s after the last picture until which sound is read, for it may come late
REORDERING = 64  # packets beyond the end after which none of a time before it can follow
PATIENCE = 1000  # damaged places in a file
TOLD_EVERY = 256  # packets
SEI = 6  # the unit of H.264 that holds notes for decoders
RECOVERY_POINT = 6  # the note that decoding may begin here
DISK = (EIO, ENOSPC, EROFS, EDQUOT)  # no other container would help


@dataclass(frozen=True)
class Row:
    """A packet of the video without its content.

    Attributes:
        stamp: tick when it is shown; AVI knows only when it is decoded.
        size: bytes.
        duration: ticks, 0 if unknown.
    """

    stamp: int
    size: int
    duration: int

    @property
    def end(self) -> int:
        return self.stamp + self.duration


@dataclass(frozen=True)
class Plan:
    """Which packets of the video are copied.

    Attributes:
        rows: in the order of decoding. Those shown before the first lean on what is left out.
        end: tick until which the last one is shown.
    """

    rows: tuple[Row, ...]
    end: int

    @property
    def start(self) -> int:
        return self.rows[0].stamp


def copy(source: Path, target: Path, start: float, end: float) -> Iterator[Share | Piece]:
    """Write the packets of [start, end) s of ``source`` to ``target``; last comes the `Piece`.

    Raises:
        VideoError: it cannot be read, or holds nothing there.
        OSError: it cannot be written.
    """
    with open_video(source, threads=1) as video:
        kinds = kinds_for(source, video.probe.container)
        container, stream, first = video.reopened()
        with closing(container):
            plan = make_plan(source, container, stream, first, start, end)
        refused: Exception | None = None
        for kind in kinds:
            try:
                yield from _write(video, target, plan, kind)
                return
            except (av.FFmpegError, ValueError) as error:
                if isinstance(error, OSError) and error.errno in DISK:
                    raise
                refused = error
    why = " ".join(str(refused).split())
    raise Damaged(source, f"its tracks fit no container ({why})", "try --exact")


def stamp_of(packet: Packet[Any]) -> int:
    """When it is shown; AVI knows only when it is decoded."""
    stamp = packet.dts if packet.pts is None else packet.pts
    assert stamp is not None
    return stamp


def packets_of(container: InputContainer, streams: Sequence[Stream]) -> Iterator[Packet[Any]]:
    """Those of the tracks from where the file stands; damaged places are passed over."""
    for _ in range(PATIENCE):
        try:
            for packet in container.demux(*streams):
                if packet.size and (packet.pts is not None or packet.dts is not None):
                    yield packet
            return
        except av.ExitError:
            raise
        except av.FFmpegError:
            continue


def base_of(stream: Stream) -> Fraction:
    """Seconds of a tick of the track."""
    assert stream.time_base is not None
    return stream.time_base


# --- which packets --------------------------------------------------------------------------------


def make_plan(
    source: Path,
    container: InputContainer,
    stream: VideoStream,
    first: int,
    start: float,
    end: float,
) -> Plan:
    """What to copy so that [start, end) s is in it.

    Raises:
        Truncated: the file ends before that.
    """
    base = base_of(stream)
    goal = first + math.floor((Fraction(start) + TOLERANCE) / base)
    stop = first + math.ceil((Fraction(end) - TOLERANCE) / base)
    rows: list[Row] = []
    overdue = 0
    for packet in _from_keyframe(container, stream, goal, first):
        stamp = stamp_of(packet)
        if stamp <= goal and enters(packet, stream):
            rows.clear()
        rows.append(Row(stamp, packet.size, packet.duration or 0))
        overdue = overdue + 1 if stamp >= stop else 0
        if overdue > REORDERING:
            break
    if not rows and next(container.demux(stream), None) is not None:
        raise Damaged(
            source, "its pictures bear no times, or none of them stands alone", "use --exact"
        )
    if not rows or rows[0].stamp >= stop or max(row.end for row in rows) < goal:
        raise Truncated(source, f"holds no picture at {start:g} s", "it may be shorter than that")
    return closed(rows, stop)


def _from_keyframe(
    container: InputContainer, stream: VideoStream, goal: int, first: int
) -> Iterator[Packet[Any]]:
    """The video's packets from a keyframe on that is shown at or before ``goal``, if there is one.

    Seeking looks at times of decoding, which may be earlier than those of showing.
    """
    aim, back = goal, math.ceil(1 / base_of(stream))
    while True:
        stand(container, stream, aim, first)
        packets = packets_of(container, [stream])
        key = next((packet for packet in packets if enters(packet, stream)), None)
        if key is not None and (stamp_of(key) <= goal or aim <= first):
            yield key
            yield from packets
            return
        if aim <= first:
            return
        aim, back = aim - back, 2 * back


def stand(container: InputContainer, stream: VideoStream, tick: int, first: int) -> None:
    """Near a tick; at the file's start where it cannot be entered elsewhere."""
    for goal in (max(tick, first), first):
        try:
            container.seek(goal, stream=stream)
        except av.FFmpegError:
            continue
        return


def closed(rows: Sequence[Row], stop: int) -> Plan:
    """The fewest packets that hold all that is shown before ``stop``, and leave no gap.

    What follows in the order of decoding is shown after all of them.
    """
    shown = [row for row in rows if row.stamp >= rows[0].stamp]
    wanted = max((at for at, row in enumerate(shown, 1) if row.stamp < stop), default=1)
    earliest = math.inf  # of what follows
    later = [earliest := min(earliest, row.stamp) for row in reversed(shown)][::-1]
    latest = max(row.stamp for row in shown[:wanted])
    while wanted < len(shown) and later[wanted] < latest:
        latest = max(latest, shown[wanted].stamp)
        wanted += 1
    kept = shown[:wanted]
    end = int(later[wanted]) if wanted < len(shown) else max(row.end for row in kept)
    return Plan(tuple(kept), max(end, latest + 1))


# --- writing them ---------------------------------------------------------------------------------


def _write(video: Video, target: Path, plan: Plan, kind: Kind) -> Iterator[Share | Piece]:
    container, stream, first = video.reopened()
    base = base_of(stream)
    start, end = plan.start * base, plan.end * base
    with closing(container), open_target(target, kind) as output:
        taken, left_out = _set_up(output, kind, container, stream)
        note = _note(container, stream, first)
        describe_file(output, container, stream, float(start - first * base))
        output.start_encoding()
        chosen = [one for one in tracks(container, stream) if one.index in taken]
        cues = any(one.type == "subtitle" for one in chosen)
        back = start - (BACK_FOR_CUES if cues else BACK)
        stand(container, stream, math.floor(back / base), first)
        copied = 0
        for packet in packets_of(container, chosen):
            if packet.stream.index != stream.index:
                if trimmed(packet, start, end, early=kind.signed):
                    put(output, packet, start, taken[packet.stream.index])
            elif copied < len(plan.rows):
                row = plan.rows[copied]
                if (stamp_of(packet), packet.size) == (row.stamp, row.size):
                    copied += 1
                    if packet.pts is None and kind.format != "avi":
                        packet.pts = packet.dts
                    if copied == 1 and note and not bytes(packet).startswith(note):
                        packet = _with(note, packet)
                    put(output, packet, start, taken[stream.index])
                    if copied % TOLD_EVERY == 0:
                        yield Share(copied / len(plan.rows))
            elif stamp_of(packet) * base > end + BEYOND:
                break
    if copied < len(plan.rows):
        raise Damaged(video.path, "could not be read twice alike", "try --exact")
    origin = first * base
    yield Piece(float(start - origin), float(end - origin), kind.suffix, left_out)


def _set_up(
    output: OutputContainer, kind: Kind, container: InputContainer, stream: VideoStream
) -> tuple[dict[int, Stream], tuple[str, ...]]:
    """A track of the output for each that goes with the video, and what it cannot hold."""
    taken, left_out = dict[int, Stream](), list[str]()
    for one in tracks(container, stream):
        try:
            taken[one.index] = copy_track(output, one)
        except (av.FFmpegError, ValueError):
            if one is stream:
                raise
            left_out.append(described(one))
    return taken, tuple(left_out)


def _note(container: InputContainer, stream: VideoStream, first: int) -> bytes:
    """What x264 wrote about itself into a file's first packet, where decoders must know it.

    Old versions of it write 4:4:4 otherwise than the standard says; a decoder allows for that only
    when it has seen which version it was.
    """
    if "444" not in (stream.codec_context.pix_fmt or ""):
        return b""
    stand(container, stream, first, first)
    packet = next(packets_of(container, [stream]), None)
    for unit in units(packet, stream) if packet is not None else ():
        if unit[0] & 31 == SEI and b"x264" in unit:
            return len(unit).to_bytes(_length_size(stream), "big") + unit
    return b""


def enters(packet: Packet[Any], stream: VideoStream) -> bool:
    """Can decoding begin here? Not where a keyframe is one by name, and its picture fades in."""
    return packet.is_keyframe and not any(
        unit[0] & 31 == SEI and _recovers_later(unit) for unit in units(packet, stream)
    )


def units(packet: Packet[Any], stream: VideoStream) -> Iterator[bytes]:
    """The parts of a packet of H.264 that has them by length; of others none."""
    if not (width := _length_size(stream)):
        return
    content, at = bytes(packet), 0
    while at + width < len(content):
        length = int.from_bytes(content[at : at + width], "big")
        at += width
        if unit := content[at : at + length]:
            yield unit
        at += length


def _length_size(stream: VideoStream) -> int:
    """Bytes of a unit's length; 0 where packets are otherwise, or no H.264."""
    extra = stream.codec_context.extradata or b""
    if stream.codec_context.codec.canonical_name != "h264" or len(extra) < 5 or extra[0] != 1:
        return 0
    return (extra[4] & 3) + 1


def _recovers_later(unit: bytes) -> bool:
    """Is this a recovery point some frames before the picture is sound (intra refresh)?

    The number of frames is an Exp-Golomb code, in which 0 is a single bit that is set.
    """
    return len(unit) > 3 and unit[1] == RECOVERY_POINT and not unit[3] & 0x80


def _with(note: bytes, packet: Packet[Any]) -> Packet[Any]:
    """The packet with the note before it."""
    noted = Packet(note + bytes(packet))
    noted.stream, noted.time_base = packet.stream, packet.time_base
    noted.pts, noted.dts, noted.duration = packet.pts, packet.dts, packet.duration
    noted.is_keyframe = packet.is_keyframe
    return noted


def trimmed(packet: Packet[Any], start: Fraction, end: Fraction, *, early: bool) -> bool:
    """Does this sound or cue belong to the part? A cue is shortened to what of it does.

    Args:
        early: keep sound just before it, which the decoder needs to begin well.
    """
    base = packet.time_base
    begins = stamp_of(packet) * base
    lasts = (packet.duration or 0) * base
    if packet.stream.type != "subtitle":
        return begins < end and begins + (2 * lasts if early else TOLERANCE) > start
    if not (begins < end and (begins >= start or begins + lasts > start)):
        return False
    if lasts:
        until = min(begins + lasts, end)
        packet.pts = packet.dts = round(max(begins, start) / base)
        packet.duration = round(until / base) - packet.pts
    return True


def put(output: OutputContainer, packet: Packet[Any], start: Fraction, own: Stream) -> None:
    """Write a packet as it is, its times counted from the start of the part."""
    offset = round(start / packet.time_base)
    if packet.pts is not None:
        packet.pts -= offset
    if packet.dts is not None:
        packet.dts -= offset
    packet.stream = own
    output.mux_one(packet)
