"""Which places made the score, for any encoder: cover one after the other, and see it fall.

Shapes: T frames, S×S pixels, G×G places of a frame, E embedding.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from .lanes import processors

if TYPE_CHECKING:
    from .encoder import Encoder

GRID = 5  # places a side; more cost their square
COVER = 2  # places a side that are covered at once
BLUR = 0.12  # of the side: what is covered shows the frame's colours and nothing else
BATCH = 16  # clips a call
LANES = 4  # frames at a time, at most


def occlusion(
    encoder: Encoder, rgba: NDArray[np.uint8], query: NDArray[np.float32], grid: int = GRID
) -> NDArray[np.float32]:
    """How much the cosine of a frame and a query falls where a place of the frame is covered.

    A square of 2×2 places shows the frame blurred until nothing can be told, at every position,
    those half beyond the border too, so that four squares hold each place (Zeiler & Fergus 2014,
    section 4.2; blurred, as Fong & Vedaldi 2017, so that no grey square is seen in its stead). A
    place's part is the mean fall over its squares. Masks stay as they are. Each frame is taken as
    a clip of its own, so that what it takes is bounded: T·(G + 1)² + T frames.

    Args:
        rgba: uint8 [T,4,S,S].
        query: float32 [E], unit length.
        grid: G.

    Returns:
        float32 [T,G,G], rows from the top. Positive speaks for the query, negative against it.

    Raises:
        ValueError: another shape or type of the clip, or too few places.
    """
    if grid < COVER:
        raise ValueError(f"grid must be at least {COVER} places a side, not {grid}")
    if rgba.ndim != 4 or rgba.shape[1] != 4 or rgba.dtype != np.uint8:
        raise ValueError(f"rgba must be uint8 [T,4,S,S], not {rgba.dtype} {rgba.shape}")
    with ThreadPoolExecutor(min(LANES, processors()), "occlusion") as pool:
        return np.stack(list(pool.map(lambda frame: _falls(encoder, frame, query, grid), rgba)))


def _falls(
    encoder: Encoder, frame: NDArray[np.uint8], query: NDArray[np.float32], grid: int
) -> NDArray[np.float32]:
    """Of one frame [4,S,S]: float32 [G,G]."""
    whole = float(encoder.encode_rgba([frame[None]])[0] @ query)
    total = np.zeros((grid, grid))
    begins = range(1 - COVER, grid)
    positions = [(_places(y, grid), _places(x, grid)) for y in begins for x in begins]
    covered = _covered(frame, positions, grid)
    for first in range(0, len(positions), BATCH):
        some = positions[first : first + BATCH]
        clips = [next(covered)[None] for _ in some]
        for places, score in zip(some, encoder.encode_rgba(clips) @ query, strict=True):
            total[places] += whole - float(score)
    return (total / COVER**2).astype(np.float32)


def _places(begin: int, grid: int) -> slice:
    """Those of a square that lie in the frame."""
    return slice(max(begin, 0), min(begin + COVER, grid))


def _covered(
    frame: NDArray[np.uint8], positions: list[tuple[slice, slice]], grid: int
) -> Iterator[NDArray[np.uint8]]:
    """The frame with a square covered at each position, uint8 [4,S,S]."""
    side = frame.shape[-1]
    pixels = np.ascontiguousarray(frame[:3].transpose(1, 2, 0))
    blurred = np.asarray(cv2.GaussianBlur(pixels, (0, 0), BLUR * side)).transpose(2, 0, 1)
    edges = np.rint(np.linspace(0, side, grid + 1)).astype(int)
    for position in positions:
        rows, columns = (slice(edges[at.start], edges[at.stop]) for at in position)
        changed = frame.copy()
        changed[:3, rows, columns] = blurred[:, rows, columns]
        yield changed
