"""What a coder's packets weigh: a trace of what happens in the picture that costs no decoding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from fdaclip.video.probe import Table

PIECE = 1000  # packets


@dataclass(frozen=True)
class Packets:
    """The N packets of a video, a frame each as a rule, in the order of decoding.

    Attributes:
        times: float64 [N], seconds from the video's start: of a keyframe when it is shown, of other
            frames within the few by which a coder reorders.
        sizes: int64 [N], bytes.
        keys: bool [N], whether it is a keyframe.
    """

    times: NDArray[np.float64]
    sizes: NDArray[np.int64]
    keys: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.times)


def packets_of_table(table: Table, second: float, first: int, offset: int) -> Packets:
    """As the container's list of frames tells.

    Args:
        second: ticks in a second.
        first: tick at which the first frame is shown.
        offset: ticks from when a keyframe is decoded to when it is shown.
    """
    keys = np.isin(table.stamps, np.array(table.keys, np.int64))
    return Packets((table.stamps + offset - first) / second, table.sizes, keys)


def packets_read(
    container: InputContainer, stream: VideoStream, second: float, first: int
) -> Iterator[Packets]:
    """By reading the file from its start, a thousand at a time; ends where it cannot be read.

    Args:
        second, first: as in `packets_of_table`.
    """
    some: list[tuple[int, int, bool]] = []
    with suppress(av.FFmpegError, IndexError):  # PyAV's, of a stream the header did not tell
        for packet in container.demux(stream):
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is not None and not packet.is_discard:
                some.append((stamp, packet.size, packet.is_keyframe))
            if len(some) == PIECE:
                yield _packed(some, second, first)
                some = []
    yield _packed(some, second, first)


def _packed(some: list[tuple[int, int, bool]], second: float, first: int) -> Packets:
    stamps, sizes, keys = zip(*some, strict=True) if some else ((), (), ())
    times = (np.array(stamps, np.float64) - first) / second
    return Packets(times, np.array(sizes, np.int64), np.array(keys, bool))


def joined(pieces: Sequence[Packets]) -> Packets:
    """Pieces that follow each other as one."""
    pieces = [_packed([], 1.0, 0), *pieces]
    return Packets(
        np.concatenate([piece.times for piece in pieces]),
        np.concatenate([piece.sizes for piece in pieces]),
        np.concatenate([piece.keys for piece in pieces]),
    )
