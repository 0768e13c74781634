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

from .luma import Luma, edge_contrast

Transform = NDArray[np.float32]  # [2, 3]: frame pixel (x, y, 1) -> partner pixel

IDENTITY: Transform = np.eye(2, 3, dtype=np.float32)

SMALLEST = 32  # px, short side: below it there is too little to track
GRID = 7  # cells along the short side; one corner is tracked in each
FEWEST = 8  # corners that must agree
AGREEING = 0.35  # of the tracked corners must agree
WINDOW = 9  # px of the half-sized frame that are matched round a corner
ZOOM, TURN = 1.33, 0.35  # times and radians between frame and partner: more is a false fit
STEEP = 24  # luma levels between neighbours: texture on which a moving camera would show
STANDING = 0.25  # of the texture may differ while the camera stands
QUIET = 0.25  # luma levels: borders that differ by less on average show no camera motion
BORDER = 0.12  # width of the border band, of the short side


def border_width(shape: tuple[int, ...]) -> int:
    return max(2, round(BORDER * min(shape)))


def stands(frame: Luma, difference: NDArray[np.float32], floor: float) -> bool:
    """Does the camera stand? It does where most texture shows no difference, borders included.

    Spares the tracking on static cameras. Zooms and turns leave the middle alone, so the border
    band must be quiet by itself.
    """
    texture: Any = cv2.threshold(edge_contrast(frame), STEEP, 1, cv2.THRESH_BINARY)[1]
    unsteady: Any = cv2.threshold(difference, floor / 2, 1, cv2.THRESH_BINARY)[1]
    unsteady = texture & unsteady.astype(np.uint8)
    band = border_width(frame.shape)
    middle = (slice(band, -band), slice(band, -band))
    all_texture, all_unsteady = cv2.countNonZero(texture), cv2.countNonZero(unsteady)
    at_border = all_texture - cv2.countNonZero(texture[middle])
    unsteady_border = all_unsteady - cv2.countNonZero(unsteady[middle])
    return all_unsteady <= STANDING * all_texture and unsteady_border <= STANDING * max(
        at_border, 1
    )


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
    found = np.stack([left * cell + best % cell, top * cell + best // cell], axis=1)
    strong = value > max(1e-4, 0.005 * float(value.max()))
    return np.asarray(found[strong], np.float32)


def fit(frame: Luma, partner: Luma) -> Transform | None:
    """The similarity that most tracked corners follow, or None where they do not agree.

    Tracked at half size: four times cheaper, steadier in noise, and a hundred corners together
    still place the frame to a few hundredths of a pixel.
    """
    small: Any = cv2.pyrDown(frame)
    small_partner: Any = cv2.pyrDown(partner)
    height, width = small.shape
    points = corners(small)
    if len(points) < FEWEST:
        return None
    track: Any = cv2.calcOpticalFlowPyrLK  # its stub demands an array where None is meant
    tracked, found, _ = track(
        small,
        small_partner,
        points[:, None],
        None,
        winSize=(WINDOW, WINDOW),
        maxLevel=2,
        criteria=(cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.02),
    )
    ok = found[:, 0] > 0
    start, end = points[ok], tracked[ok, 0]
    if len(start) < FEWEST:
        return None
    matrix: Any
    matrix, inlier = cv2.estimateAffinePartial2D(
        start, end, method=cv2.RANSAC, ransacReprojThreshold=0.5, maxIters=500
    )
    if matrix is None:
        return None
    agreeing = inlier[:, 0] > 0
    if (
        agreeing.sum() < FEWEST
        or agreeing.mean() < AGREEING
        or not spread(start[agreeing], height, width)
    ):
        return None
    zoom = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    turn = float(np.arctan2(matrix[1, 0], matrix[0, 0]))
    if not 1 / ZOOM < zoom < ZOOM or abs(turn) > TURN:
        return None
    matrix[:, 2] *= 2  # pixel centres of both sizes coincide at the origin
    return np.asarray(matrix, np.float32)


def spread(points: NDArray[np.float32], height: int, width: int) -> bool:
    """Do the points occupy enough of a 4 × 4 division of the frame, in at least three quarters?"""
    column = np.minimum(points[:, 0] * 4 // width, 3).astype(int)
    row = np.minimum(points[:, 1] * 4 // height, 3).astype(int)
    occupied = np.zeros((4, 4), bool)
    occupied[row, column] = True
    quarters = occupied.reshape(2, 2, 2, 2).any(axis=(1, 3))
    return bool(occupied.sum() >= 6 and quarters.sum() >= 3)


def align(partner: Luma, transform: Transform) -> tuple[Luma, NDArray[np.uint8]]:
    """The partner seen from the frame's place, and where it covers the frame (0 or 1), [h,w]."""
    size = partner.shape[::-1]
    moved: Any = cv2.warpAffine(
        partner,
        transform,
        size,
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    inner = np.zeros_like(partner)
    inner[1:-1, 1:-1] = 1  # a pixel more than the partner's border: the cubic reaches beyond it
    covered: Any = cv2.warpAffine(
        inner,
        transform,
        size,
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
    """Does the alignment lower the difference, along the borders and over the whole frame?

    Borders that hardly differ (a plain ground) cannot tell of a camera: what was fitted is a mover.
    Both differences are capped, so that a mover or an occlusion, large but local, does not decide.
    """
    if cv2.countNonZero(covered) < 0.4 * covered.size:
        return False
    band = border_width(covered.shape)
    weight = covered.astype(np.float32)
    middle = (slice(band, -band), slice(band, -band))

    def totals(difference: NDArray[np.float32]) -> tuple[float, float]:
        capped = np.minimum(difference, 4 * floor) * weight
        whole = float(capped.sum())
        return whole - float(capped[middle].sum()), whole

    old_border, old = totals(before)
    new_border, new = totals(after)
    border = cv2.countNonZero(covered) - cv2.countNonZero(covered[middle])
    if old_border < QUIET * border:
        return False
    return new_border < 0.8 * old_border and new < 0.8 * old
