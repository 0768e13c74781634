"""The decoder's motion vectors become a moving region, at no pixel cost.

A coder's vectors are no measured motion: they are what was cheapest to code. Where the picture is
flat they follow their neighbours, on edges they slide along, and a block that is found nowhere in
an earlier picture is intra-coded and has none. So single vectors decide nothing here: the camera
is a robust fit over all of them, and a cell is judged together with its neighbours.
"""

from __future__ import annotations

from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from .camera import IDENTITY, Transform
from .config import MotionConfig
from .luma import Luma, edge_contrast, middle, picture_box
from .region import Seen, clean

FLOOR = 0.008  # of the short side: a cell that moves less against the camera stands
FLAT = 12  # luma levels across a cell and its rim: with less, any vector is as good as another
FINEST = 0.75  # px: vectors are told in quarters of one, and err by more than one quarter
EARLIER = (0.5, 1, 1.5, 2, 3)  # spans ago at which a block may have been found
STANDING = 0.6  # of the cells stand: so does the camera
CELLS = 600  # that a camera's motion is fitted to
ROUNDS = 4  # of re-weighting: six gave the same masks on the drawn scenes
SECONDS = 1 / 6  # over which energy counts how far cells move


class Vectors(Protocol):
    """Motion vectors of T frames; see `fdaclip.video.Vectors`."""

    @property
    def moves(self) -> NDArray[np.float32]: ...
    @property
    def spans(self) -> NDArray[np.float64]: ...
    @property
    def size(self) -> tuple[int, int]: ...


def follow(vectors: Vectors, t: int, frame: Luma, config: MotionConfig) -> Seen:
    """The moving region of frame t by its vectors, inside the picture that the frame shows."""
    moves = vectors.moves[t]
    box = picture_box(frame, frame)
    picture = np.zeros(frame.shape, bool)
    picture[box] = True
    inside = np.ix_(*(middles(moves, frame.shape, axis) for axis in (0, 1)))
    shown = picture[inside]
    coded = ~np.isnan(moves[..., 0])
    known = coded & shown
    alike = float(known.sum() / max(1, shown.sum()))
    if not known.any() or alike < 1 - config.max_share:
        # A cut or a flash: hardly anything was found before.
        return Seen(picture.astype(np.uint8), 1 - alike, 1 - alike, None)
    model = global_motion(moves, known) if config.camera else np.zeros((2, 3), np.float32)
    camera = moved_by(model, known.shape)
    length = apart(moves, camera, known)
    lit = length > threshold(length[known], min(vectors.size), config)
    textured = contrast(frame, vectors.size)[inside] >= FLAT
    lit = settled(lit, coded) & textured & within(camera, vectors.size) & shown
    inner = clean(enlarged(lit, vectors.size, frame.shape)[box], min(frame.shape), config)
    region = np.zeros(frame.shape, np.uint8)
    region[box] = inner
    speed = float(np.where(lit & known, length, 0).sum() / max(1, shown.sum())) / min(vectors.size)
    energy = min(1.0, speed * SECONDS / float(vectors.spans[t]))
    transform = None
    if float(np.hypot(camera[..., 0], camera[..., 1]).max()) > FINEST:
        transform = in_mask_pixels(model, known.shape, vectors.size, frame.shape)
    return Seen(region, cv2.countNonZero(inner) / inner.size, energy, transform)


def global_motion(moves: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The affine motion that most cells follow, [2,3]: (x, y, 1) of a cell → px that it moved.

    Least squares re-weighted (Geman–McClure) from the median on, so that movers have no say.
    """
    height, width = known.shape
    step = max(1, round((known.size / CELLS) ** 0.5))  # of a fine grid a part tells as much
    y, x = np.nonzero(known[::step, ::step])
    value = moves[::step, ::step][y, x].astype(np.float64)
    place = np.stack([x * (step / width) - 0.5, y * (step / height) - 0.5, np.ones(len(x))], 1)
    model = np.zeros((2, 3))
    if (np.abs(value).max(1, initial=0) < FINEST).sum() >= STANDING * len(x):
        return model.astype(np.float32)
    model[:, 2] = middle(value[:, 0]), middle(value[:, 1])
    for _ in range(ROUNDS):
        off = ((value - place @ model.T) ** 2).sum(1)
        scale = max(0.25, 4 * 2.2 * middle(off))  # px²: (2 · 1.4826 · MAD)²
        weighted = place / (1 + off[:, None] / scale) ** 2
        normal = place.T @ weighted
        if np.linalg.det(normal) < 1e-6 * normal[2, 2] ** 3:  # too few, or all in a row
            break
        model = np.linalg.solve(normal, weighted.T @ value).T
    return model.astype(np.float32)


def moved_by(model: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """What a global motion makes of each cell, float32 [h,w,2]."""
    height, width = shape[:2]
    across = np.arange(width, dtype=np.float32)[None, :, None] / width - 0.5
    down = np.arange(height, dtype=np.float32)[:, None, None] / height - 0.5
    return np.asarray(model[:, 0] * across + model[:, 1] * down + model[:, 2], np.float32)


def apart(
    moves: NDArray[np.float32], camera: NDArray[np.float32], known: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """px by which each cell moved otherwise than the camera, float32 [h,w]; 0 where not known.

    A coder may find a block in another earlier picture than the last, and FFmpeg does not tell in
    which: what fits the camera's motion to one of the usual ones stands.
    """
    steady = (np.abs(camera) < FINEST).all()  # then all of them are about the same
    least: Any = None
    for times in (1,) if steady else EARLIER:
        rest = moves - np.float32(times) * camera
        length = rest[..., 0] ** 2 + rest[..., 1] ** 2
        least = length if least is None else np.minimum(least, length)
    # The median over 3 × 3 cells: a lone vector is what was cheap to code.
    return np.asarray(cv2.medianBlur(np.sqrt(np.where(known, least, 0)), 3))


def within(camera: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.bool_]:
    """The cells that the camera saw before: what it newly sees is found nowhere, bool [h,w]."""
    height, width = camera.shape[:2]
    x = 8 * np.arange(width)[None] + 4 - camera[..., 0]
    y = 8 * np.arange(height)[:, None] + 4 - camera[..., 1]
    room = np.hypot(camera[..., 0], camera[..., 1]) > 1  # a camera that stands sees nothing new
    inside: NDArray[np.bool_] = (x > 12) & (x < size[1] - 12) & (y > 12) & (y < size[0] - 12)
    return inside | ~room


def threshold(length: NDArray[np.float32], short: int, config: MotionConfig) -> float:
    """px beyond which a cell moves: a floor, or k deviations above the median of all cells."""
    median = middle(length)
    deviation = 1.4826 * middle(np.abs(length - median))
    return max(FINEST, FLOOR * short, median + config.deviations * deviation)


def settled(lit: NDArray[np.bool_], known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What moves in company: cells of which four in 3 × 3 move.

    Intra cells move where most of those round them do, or are intra too.
    """
    votes: Any = cv2.boxFilter((lit | ~known).astype(np.float32), -1, (3, 3))
    joined = np.where(known, lit, votes > 0.5)
    company: Any = cv2.boxFilter(joined.astype(np.float32), -1, (3, 3), normalize=False)
    return np.asarray(joined & (company >= 4))


def middles(moves: NDArray[np.float32], size: tuple[int, ...], axis: int) -> NDArray[np.int64]:
    """The mask's row (column) in which the middle of each row (column) of cells lies."""
    count = moves.shape[axis]
    return np.asarray(
        np.minimum((2 * np.arange(count) + 1) * size[axis] // (2 * count), size[axis] - 1)
    )


def contrast(frame: Luma, full: tuple[int, int]) -> Luma:
    """How much the picture changes anywhere within half a cell of each place, uint8 [h,w]."""
    tall, wide = (2 * max(1, round(4 * frame.shape[i] / full[i])) + 1 for i in (0, 1))
    return cv2.dilate(edge_contrast(frame), np.ones((tall, wide)))  # type: ignore[return-value]


def enlarged(
    lit: NDArray[np.bool_], full: tuple[int, int], size: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Cells of 8 × 8 px of the full picture as pixels of the mask, uint8 [h,w] of 0 and 1."""
    rows, columns = (
        np.minimum(
            ((np.arange(size[i]) + 0.5) * full[i] / size[i]).astype(int) // 8, lit.shape[i] - 1
        )
        for i in (0, 1)
    )
    return lit[np.ix_(rows, columns)].astype(np.uint8)


def in_mask_pixels(
    model: NDArray[np.float32], cells: tuple[int, ...], full: tuple[int, int], size: tuple[int, ...]
) -> Transform:
    """A global motion of cells as the transform of the mask's pixels that it makes, [2,3]."""
    scale = np.array([size[1] / full[1], size[0] / full[0]])
    extent = 8 * scale * np.array([cells[1], cells[0]])  # of all cells, in mask pixels
    transform = np.zeros((2, 3))
    transform[:, :2] = scale[:, None] * model[:, :2] / extent
    transform[:, 2] = scale * (model[:, 2] - 0.5 * model[:, :2].sum(1))
    return np.asarray(transform + IDENTITY, np.float32)
