"""A decoded frame becomes RGB: colour matrix, range, size and orientation."""

from dataclasses import dataclass
from typing import cast

import av
import av.filter
import numpy as np
from av.sidedata.sidedata import SideData
from numpy.typing import NDArray

# Pillow's bicubic is the cubic of Keys with a = -0.5: B = 0, C = 0.5 in Mitchell's notation.
SCALER = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp:param0=0:param1=0.5"
ROUGHLY = "flags=area"

# AVColorSpace of a frame → the scaler's name of the matrix.
MATRICES = {
    1: "bt709",
    4: "fcc",
    5: "bt601",
    6: "bt601",
    7: "smpte240m",
    9: "bt2020",
    10: "bt2020",
}
FULL_RANGE = 2


@dataclass(frozen=True)
class Orientation:
    """What a player does to the stored picture before it is shown.

    Attributes:
        turns: quarter turns counter-clockwise.
        mirrored: the stored picture is first flipped left to right.
    """

    turns: int = 0
    mirrored: bool = False

    @property
    def swaps_sides(self) -> bool:
        return self.turns % 2 == 1

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn a stored picture [H,W,3] into the shown one."""
        if self.mirrored:
            picture = picture[:, ::-1]
        return np.rot90(picture, self.turns)


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """Read a frame's display matrix; angles between quarter turns are rounded to the nearest."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return Orientation()
    return orientation_from_matrix(np.frombuffer(bytes(cast(SideData, matrix)), np.int32))


def orientation_from_matrix(matrix: NDArray[np.int32]) -> Orientation:
    """The display matrix [a b u c d v x y w] maps (x, y), y down, to (a·x + c·y, b·x + d·y)."""
    a, b, _, c, d = (float(value) for value in matrix[:5])
    mirrored = a * d - b * c < 0
    if mirrored:  # take the flip of x out, which the picture gets first
        a, b = -a, -b
    # With y down, a counter-clockwise turn by θ is [cos -sin; sin cos] in (a, b).
    angle = np.degrees(np.arctan2(-b, a))
    return Orientation(round(angle / 90) % 4, mirrored)


def scaled_size(width: int, height: int, short_side: int | None) -> tuple[int, int]:
    """(width, height) whose shorter side is `short_side`, the longer cut to whole pixels.

    The rule of Hugging Face's image processors, `int(short_side * long / short)`.
    """
    if short_side is None:
        return width, height
    if width <= height:
        return short_side, int(short_side * height / width)
    return int(short_side * width / height), short_side


class ToRGB:
    """Converts frames to RGB of one size, in one pass of libswscale.

    Args:
        width, height: of the result as shown, after rotation.
        scaler: how it is scaled, in the words of FFmpeg's filter.
    """

    def __init__(self, width: int, height: int, scaler: str = SCALER) -> None:
        self.width, self.height, self._scaler = width, height, scaler
        self._graph: av.filter.Graph | None = None
        self._built_for: tuple[object, ...] = ()

    def __call__(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """The frame as shown, uint8 [H,W,3]."""
        orientation = orientation_of(frame)
        size = (self.width, self.height)
        width, height = size[::-1] if orientation.swaps_sides else size
        graph = self._graph_for(frame, width, height)
        frame.pts = None  # the graph has no use for times, and would want them to rise
        graph.vpush(frame)
        plane = graph.vpull().planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)
        picture = rows[:, : width * 3].reshape(height, width, 3)
        return orientation.apply(picture)

    def _graph_for(self, frame: av.VideoFrame, width: int, height: int) -> av.filter.Graph:
        described = (
            frame.width,
            frame.height,
            frame.format.name,
            frame.colorspace,
            frame.color_range,
            width,
            height,
        )
        if self._graph is None or described != self._built_for:
            self._graph = _graph(frame, width, height, self._scaler)
            self._built_for = described
        return self._graph


def _graph(frame: av.VideoFrame, width: int, height: int, scaler: str) -> av.filter.Graph:
    matrix = MATRICES.get(frame.colorspace, "auto")
    span = "full" if frame.color_range == FULL_RANGE else "auto"
    graph = av.filter.Graph()
    graph.threads = 0
    source = graph.add(
        "buffer",
        f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000"
        f":colorspace={frame.colorspace}:range={frame.color_range}",
    )
    scale = graph.add(
        "scale", f"w={width}:h={height}:in_color_matrix={matrix}:in_range={span}:{scaler}"
    )
    rgb = graph.add("format", "pix_fmts=rgb24")
    graph.link_nodes(source, scale, rgb, graph.add("buffersink")).configure()
    return graph
