"""Global camera motion between a frame and its partner, accepted only where it explains the rest.

A similarity transform (shift, rotation, zoom) is fitted to corners tracked from frame to partner.
Three failures are guarded against:

- the fit locks onto the mover where the background is plain: the corners that agree must spread
  over the frame, and the difference along the borders, where movers seldom are, must fall;
- the camera does not move: corners that stand still say so, and nothing is fitted;
- the scene is no plane (driving forward): what a similarity cannot align stays in the difference,
  and above the maximum share the caller gives the frame up.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .luma import Luma

Transform = NDArray[np.float32]  # [2, 3]: frame pixel (x, y, 1) -> partner pixel

IDENTITY: Transform = np.eye(2, 3, dtype=np.float32)

GRID = 9  # corners are the strongest of each cell; cells along the short side
STANDING = 0.75  # of the corners show no difference: the camera stands
BORDER = 0.12  # width of the border band, of the short side


def identity() -> Transform:
    return IDENTITY.copy()


def corners(frame: Luma) -> NDArray[np.float32]:
    """The strongest corner of every grid cell that has one, [K,2] as (x, y).

    One a cell spreads them over the frame by construction: texture on a mover cannot outvote a
    background that has any.
    """
    height, width = frame.shape
    cell = max(4, min(height, width) // GRID)
    rows, columns = height // cell, width // cell
    strength: Any = cv2.cornerMinEigenVal(frame, 3)
    cells = strength[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell)
    cells = cells.transpose(0, 2, 1, 3).reshape(rows * columns, cell * cell)
    best = cells.argmax(axis=1)
    value = cells[np.arange(len(cells)), best]
    top, left = np.divmod(np.arange(rows * columns), columns)
    found: NDArray[np.intp] = np.stack(
        [left * cell + best % cell, top * cell + best // cell], axis=1
    )
    strong = value > max(1e-4, 0.005 * float(value.max()))
    return np.asarray(found[strong], np.float32)


def standing(points: NDArray[np.float32], difference: NDArray[np.float32], floor: float) -> bool:
    """Do most corners show no difference? Then the camera stands and there is nothing to fit."""
    if not len(points):
        return True
    peak: Any = cv2.dilate(difference, np.ones((3, 3), np.uint8))
    at = points.astype(np.intp)
    return float((peak[at[:, 1], at[:, 0]] < floor).mean()) >= STANDING


def fit(frame: Luma, partner: Luma, points: NDArray[np.float32]) -> Transform | None:
    """The similarity that most tracked corners follow, or None where they do not agree."""
    height, width = frame.shape
    short = min(height, width)
    if len(points) < 8:
        return None
    window = max(7, 2 * (short // 16) + 1)
    track: Any = cv2.calcOpticalFlowPyrLK  # its stub demands an array where None is meant
    tracked, found, _ = track(
        frame,
        partner,
        points[:, None],
        None,
        winSize=(window, window),
        maxLevel=3,
        criteria=(cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.02),
    )
    ok = found[:, 0] > 0
    start, end = points[ok], tracked[ok, 0]
    if len(start) < 8:
        return None
    matrix: Any
    matrix, inlier = cv2.estimateAffinePartial2D(
        start, end, method=cv2.RANSAC, ransacReprojThreshold=0.007 * short, maxIters=500
    )
    if matrix is None:
        return None
    agreeing = inlier[:, 0] > 0
    if agreeing.sum() < 8 or agreeing.mean() < 0.35 or not spread(start[agreeing], height, width):
        return None
    zoom = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    turn = float(np.arctan2(matrix[1, 0], matrix[0, 0]))
    if not 0.75 < zoom < 1.33 or abs(turn) > 0.35:
        return None
    return np.asarray(matrix, np.float32)


def spread(points: NDArray[np.float32], height: int, width: int) -> bool:
    """Do the points occupy enough of a 4 × 4 division of the frame, in at least three quarters?"""
    column = np.minimum(points[:, 0] * 4 // width, 3).astype(int)
    row = np.minimum(points[:, 1] * 4 // height, 3).astype(int)
    occupied = np.zeros((4, 4), bool)
    occupied[row, column] = True
    quarters = occupied.reshape(2, 2, 2, 2).any(axis=(1, 3))
    return bool(occupied.sum() >= 6 and quarters.sum() >= 3)


def align(partner: Luma, transform: Transform) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The partner seen from the frame's place, float32 [h,w]; where it covers the frame, 0 or 1."""
    height, width = partner.shape
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    moved: Any = cv2.warpAffine(
        partner.astype(np.float32),
        transform,
        (width, height),
        flags=flags,
        borderMode=cv2.BORDER_REPLICATE,
    )
    covered: Any = cv2.warpAffine(
        np.ones((height, width), np.uint8),
        transform,
        (width, height),
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return moved, covered


def explains(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    covered: NDArray[np.uint8],
    floor: float,
) -> bool:
    """Does the alignment lower the difference, along the borders first and over the whole frame?

    Both differences are absolute and capped, so that a mover or an occlusion, large but local,
    does not decide.
    """
    cap = 4 * floor
    height, width = covered.shape
    band = max(2, round(BORDER * min(height, width)))
    border = covered.astype(bool)
    border[band:-band, band:-band] = False
    inside = covered > 0
    if inside.mean() < 0.4 or not border.any():
        return False
    old, new = np.minimum(before, cap), np.minimum(after, cap)
    return bool(
        new[border].mean() < 0.8 * old[border].mean()
        and new[inside].mean() < 0.8 * old[inside].mean()
    )
