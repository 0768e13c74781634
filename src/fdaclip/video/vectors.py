"""The motion vectors that a decoder follows anyway: where each block of a frame came from.

Taken from P frames alone. A P frame looks back, as a rule to the I or P frame before it, so its
vectors have a direction and a span; a B frame looks both ways, FFmpeg does not tell how far, and
MPEG-4 leaves most of its vectors out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from av.video.frame import PictureType, VideoFrame
from numpy.typing import NDArray

from fdaclip.video.pixels import Orientation, orientation_of

# Decoders of FFmpeg that hand out their vectors. HEVC's, VP8's, VP9's and AV1's do not.
GIVING = frozenset(
    ("h264", "mpeg4", "mpeg1video", "mpeg2video", "flv", "h263", "msmpeg4", "wmv1", "wmv2")
)
CELL = 8  # px: the smallest block that FFmpeg tells apart in these codings


@dataclass(frozen=True)
class Vectors:
    """How the blocks of T frames moved, in cells of 8 × 8 px of the unscaled picture as shown.

    Attributes:
        moves: float32 [T,h,w,2], px (right, down) that the content of a cell moved during the span;
            NaN where the coder found nothing alike in the earlier picture (an intra block).
        spans: float64 [T], seconds of that span: from the I or P frame before to the one that looks
            back to it.
        size: (height, width) of the unscaled picture as shown.
    """

    moves: NDArray[np.float32]
    spans: NDArray[np.float64]
    size: tuple[int, int]


@dataclass(frozen=True)
class Field:
    """The vectors of one frame; in ticks. Attributes as those of `Vectors`."""

    moves: NDArray[np.float32]
    span: int
    size: tuple[int, int]


def looks_back(frame: VideoFrame) -> bool:
    """Whether it is a P frame whose blocks are laid out as those of a whole picture."""
    return frame.pict_type == PictureType.P and not frame.interlaced_frame


def stands_alone(frame: VideoFrame) -> bool:
    return frame.pict_type == PictureType.I


def shown_size(frame: VideoFrame) -> tuple[int, int]:
    """(height, width) as shown."""
    size = (frame.height, frame.width)
    return size[::-1] if orientation_of(frame).swaps_sides else size


def moves_of(frame: VideoFrame) -> NDArray[np.float32]:
    """A P frame's vectors by cell, as shown: float32 [h,w,2], px, NaN for intra blocks."""
    height, width = -(-frame.height // CELL), -(-frame.width // CELL)
    moves = np.full((height, width, 2), np.nan, np.float32)
    data = frame.side_data.get("MOTION_VECTORS")
    if data is not None:  # it is missing where every block is intra
        told: NDArray[Any] = data.to_ndarray()
        told = told[told["source"] < 0]
        # The vector points from here to where the content was, in 1/scale px.
        moved = -np.stack([told["motion_x"], told["motion_y"]], 1) / told["motion_scale"][:, None]
        for across in np.unique(told["w"]):
            for down in np.unique(told["h"]):
                blocks = (told["w"] == across) & (told["h"] == down)
                left = (told["dst_x"][blocks] - across // 2) // CELL
                top = (told["dst_y"][blocks] - down // 2) // CELL
                for y in range(max(1, down // CELL)):
                    for x in range(max(1, across // CELL)):
                        inside = (top + y < height) & (left + x < width)
                        where = (top[inside] + y, left[inside] + x)
                        moves[where] = moved[blocks][inside]
    return turned(moves, orientation_of(frame))


def turned(moves: NDArray[np.float32], orientation: Orientation) -> NDArray[np.float32]:
    """Vectors of the stored picture, [h,w,2], as those of the shown one.

    A last row or column of cells that is not whole may come to lie first: off by under a cell.
    """
    if orientation.mirrored:
        moves = moves[:, ::-1] * np.array((-1, 1), np.float32)
    for _ in range(orientation.turns):  # a quarter turn counter-clockwise each
        moves = np.rot90(moves)[..., ::-1] * np.array((1, -1), np.float32)
    return np.ascontiguousarray(moves)


def stacked(fields: list[Field], seconds: float) -> Vectors | None:
    """The fields of T frames together; None where the picture's size changes among them.

    Args:
        seconds: of a tick.
    """
    if len({field.moves.shape for field in fields}) != 1:
        return None
    return Vectors(
        np.stack([field.moves for field in fields]),
        np.array([field.span * seconds for field in fields]),
        fields[0].size,
    )
