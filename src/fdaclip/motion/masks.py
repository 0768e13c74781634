"""Pairs of frames become dynamic-region masks: the paper's idea.

Shapes: T frames of a clip, H×W its pixels, h×w the mask's (docs/masks.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from . import camera
from .config import MotionConfig
from .luma import Luma, luma, mask_size, picture_box

Kind = Literal["moving", "still", "cut"]

STEPS = 4  # differences are counted in quarter levels while their median is sought


class Pairs(Protocol):
    """What a mask needs of a clip: T frames and the partner of each, uint8 [T,H,W,3]."""

    @property
    def rgb(self) -> NDArray[np.uint8]: ...
    @property
    def partners(self) -> NDArray[np.uint8]: ...


@dataclass(frozen=True)
class Motion:
    """What moves in a clip.

    Attributes:
        masks: float32 [T,1,h,w] in [0,1]; 1 is motion. All ones where `kind` is not "moving".
        energy: float32 [T]: mean over the picture of the luma difference above the noise
            threshold, as a share of full scale, 0 to 1.
        share: float32 [T]: share of the picture that moves, before any fallback.
        kind: of each frame, "moving", "still" (less than `min_share` moves) or "cut" (more than
            `max_share`: a cut, a flash, or a camera motion that could not be compensated).
        camera: float32 [T,2,3]: where a frame's pixel (x, y, 1) lies in its partner, in mask
            pixels; the identity where no camera motion was accepted.
        compensated: bool [T]: was one accepted?
    """

    masks: NDArray[np.float32]
    energy: NDArray[np.float32]
    share: NDArray[np.float32]
    kind: tuple[Kind, ...]
    camera: NDArray[np.float32]
    compensated: NDArray[np.bool_]


def dynamic_masks(clip: Pairs, config: MotionConfig | None = None) -> NDArray[np.float32]:
    """The masks of a clip alone, float32 [T,1,h,w] in [0,1]; see `analyse_motion`."""
    return analyse_motion(clip, config).masks


def analyse_motion(clip: Pairs, config: MotionConfig | None = None) -> Motion:
    """Compare every frame of a clip with its partner.

    Each pair is judged by itself: a frame's mask depends neither on the other frames nor on their
    order.

    Args:
        clip: frames and partners, uint8 [T,H,W,3] each; a `fdaclip.video.Clip` or anything alike.
        config: the parameters; the defaults if None.

    Returns:
        The masks, at the clip's size scaled down so that the short side is at most
        `config.short_side`, and what else was learned of each pair.

    Raises:
        ValueError: frames and partners are not uint8 arrays [T,H,W,3] of one shape.
    """
    config = config or MotionConfig()
    frames, partners = np.asarray(clip.rgb), np.asarray(clip.partners)
    for name, array in (("frames", frames), ("partners", partners)):
        if array.ndim != 4 or array.shape[-1] != 3 or array.dtype != np.uint8 or not array.size:
            raise ValueError(f"{name} must be uint8 [T,H,W,3], not {array.dtype} {array.shape}")
    if frames.shape != partners.shape:
        raise ValueError(f"{frames.shape} frames do not pair with {partners.shape} partners")
    size = mask_size(frames.shape[1], frames.shape[2], config.short_side)
    count = len(frames)
    masks = np.ones((count, 1, *size), np.float32)
    energy = np.zeros(count, np.float32)
    share = np.zeros(count, np.float32)
    transforms = np.tile(camera.IDENTITY, (count, 1, 1))
    compensated = np.zeros(count, bool)
    kinds: list[Kind] = []
    for t in range(count):
        frame, partner = luma(frames[t], size), luma(partners[t], size)
        seen = compare(frame, partner, config)
        energy[t], share[t] = seen.energy, seen.share
        if seen.transform is not None:
            transforms[t], compensated[t] = seen.transform, True
        kind: Kind = "moving"
        if seen.share < config.min_share:
            kind = "still"
        elif seen.share > config.max_share:
            kind = "cut"
        else:
            masks[t, 0] = ramp(seen.region, config)
        kinds.append(kind)
    return Motion(masks, energy, share, tuple(kinds), transforms, compensated)


@dataclass(frozen=True)
class Seen:
    """One pair compared: the moving region (uint8 [h,w], 0 or 1) and its measures."""

    region: NDArray[np.uint8]
    share: float
    energy: float
    transform: camera.Transform | None


def compare(frame: Luma, partner: Luma, config: MotionConfig) -> Seen:
    """The moving region of a pair, inside the picture that both frames show."""
    box = picture_box(frame, partner)
    inner_frame, inner_partner = frame[box], partner[box]
    difference, covered, transform = residual(inner_frame, inner_partner, config)
    short = min(frame.shape)
    quarter: Any = cv2.convertScaleAbs(difference, alpha=STEPS)
    threshold = noise_threshold(quarter, covered, config)
    lit: Any = cv2.threshold(quarter, threshold * STEPS, 1, cv2.THRESH_BINARY)[1]
    if covered is not None:
        lit &= covered
    area = float(lit.size if covered is None else max(1, cv2.countNonZero(covered)))
    # A difference nearly everywhere is no noise to threshold away: the pair has nothing in common.
    above: Any = cv2.threshold(quarter, config.floor * STEPS, 1, cv2.THRESH_BINARY)[1]
    if covered is not None:
        above &= covered
    changed = cv2.countNonZero(above) / area
    inner = clean(lit, short, config)
    if covered is not None:
        inner &= covered
    share = cv2.countNonZero(inner) / area
    if changed > config.max_share:
        share = max(share, changed)
    energy = float(np.abs(difference[lit > 0]).sum()) / (255 * area)
    region = np.zeros(frame.shape, np.uint8)
    region[box] = inner
    if transform is not None:
        transform = recentred(transform, box)
    return Seen(region, share, min(1.0, energy), transform)


def residual(
    frame: Luma, partner: Luma, config: MotionConfig
) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None, camera.Transform | None]:
    """Blurred luma difference of a pair, without what the camera and the lighting did.

    Returns:
        difference float32 [h,w], signed; where the aligned partner covers the frame, uint8 [h,w]
        of 0 and 1, or None for everywhere; the accepted transform, or None.
    """
    plain = steadied(frame, partner.astype(np.float32), None, config)
    if not config.camera or min(frame.shape) < 32:
        return plain, None, None
    points = camera.corners(frame)
    before = np.abs(plain)
    if camera.standing(points, before, config.floor):
        return plain, None, None
    transform = camera.fit(frame, partner, points)
    if transform is None:
        return plain, None, None
    aligned, covered = camera.align(partner, transform)
    difference = steadied(frame, aligned, covered, config)
    if not camera.explains(before, np.abs(difference), covered, config.floor):
        return plain, None, None
    covered = cv2.erode(covered, np.ones((3, 3), np.uint8), borderValue=1)  # type: ignore[assignment]
    return difference, covered, transform


def steadied(
    frame: Luma,
    partner: NDArray[np.float32],
    covered: NDArray[np.uint8] | None,
    config: MotionConfig,
) -> NDArray[np.float32]:
    """Partner minus frame without a global change of gain and offset, blurred; edges forgiven."""
    base = frame.astype(np.float32)
    difference = partner - base
    gain, offset = lighting(base, difference, covered)
    difference -= gain * base + offset
    sigma = config.blur * min(frame.shape)
    if sigma > 0.2:
        difference = cv2.GaussianBlur(difference, (0, 0), sigma)  # type: ignore[assignment]
    if config.edge_slack:
        slack = config.edge_slack * min(frame.shape)
        steep = cv2.morphologyEx(frame, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        forgiven = (0.5 * slack) * steep.astype(np.float32)
        difference = np.sign(difference) * np.maximum(np.abs(difference) - forgiven, 0)
    return difference


def lighting(
    base: NDArray[np.float32],
    difference: NDArray[np.float32],
    covered: NDArray[np.uint8] | None,
) -> tuple[float, float]:
    """(gain, offset) of the change of light common to most of the picture.

    difference ≈ gain · base + offset by least squares, re-weighted (Geman–McClure) so that movers
    have no say; on every third pixel, which is plenty for two numbers.
    """
    x, y = base[::3, ::3].ravel(), difference[::3, ::3].ravel()
    if covered is not None:
        inside = covered[::3, ::3].ravel() > 0
        x, y = x[inside], y[inside]
    if len(x) < 16:
        return 0.0, 0.0
    offset, gain = float(np.median(y)), 0.0
    spread = max(2.0, 1.4826 * float(np.median(np.abs(y - offset))))
    centre = float(x.mean())
    x = x - centre
    for _ in range(3):
        weight = 1 / (1 + ((y - gain * x - offset) / (2 * spread)) ** 2) ** 2
        total = float(weight.sum())
        wx = weight * x
        sx, sy = float(wx.sum()), float(weight @ y)
        sxx, sxy = float(wx @ x), float(wx @ y)
        determinant = total * sxx - sx * sx
        if determinant <= 1e-3 * total * total:
            return 0.0, sy / total
        gain = (total * sxy - sx * sy) / determinant
        offset = (sy - gain * sx) / total
    return gain, offset - gain * centre


def noise_threshold(
    quarter: NDArray[np.uint8], covered: NDArray[np.uint8] | None, config: MotionConfig
) -> float:
    """max(floor, median + k · 1.4826 · MAD) of the absolute difference, in luma levels."""
    counts: Any = cv2.calcHist([quarter], [0], covered, [256], [0, 256]).ravel()
    half = counts.sum() / 2
    median = int(np.searchsorted(np.cumsum(counts), half))
    folded = counts[median:].copy()  # distances from the median: fold the lower half over
    folded[1 : median + 1][: len(folded) - 1] += counts[:median][::-1][: len(folded) - 1]
    deviation = int(np.searchsorted(np.cumsum(folded), half))
    return max(config.floor, (median + config.deviations * 1.4826 * deviation) / STEPS)


def clean(lit: NDArray[np.uint8], short: int, config: MotionConfig) -> NDArray[np.uint8]:
    """Close, drop the specks, fill the holes, dilate: uint8 [h,w] of 0 and 1."""
    region: Any = closed(lit, round(config.close * short))
    mode = cv2.RETR_EXTERNAL if config.fill_holes else cv2.RETR_CCOMP
    outlines, _ = cv2.findContours(region, mode, cv2.CHAIN_APPROX_NONE)
    smallest = config.min_component * region.size
    kept = [c for c in outlines if cv2.contourArea(c) + len(c) / 2 + 1 >= smallest]
    filled = np.zeros_like(lit)
    cv2.drawContours(filled, kept, -1, 1, cv2.FILLED)
    if not config.fill_holes:
        filled &= region
    return grown(filled, round(config.dilate * short))


def closed(region: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Closing by a square; the surroundings count as empty."""
    if width < 2:
        return region
    kernel = np.ones((width | 1, width | 1), np.uint8)
    return cv2.morphologyEx(region, cv2.MORPH_CLOSE, kernel)  # type: ignore[return-value]


def grown(region: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    if radius < 1:
        return region
    kernel = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    return cv2.dilate(region, kernel)  # type: ignore[return-value]


def ramp(region: NDArray[np.uint8], config: MotionConfig) -> NDArray[np.float32]:
    """The region as a mask, float32 [h,w]: a soft outline whose middle, 0.5, is the region's."""
    mask = region.astype(np.float32)
    sigma = config.feather * min(region.shape)
    if config.soft and sigma > 0.2:
        mask = cv2.GaussianBlur(mask, (0, 0), sigma)  # type: ignore[assignment]
    return mask.clip(0, 1)


def recentred(transform: camera.Transform, box: tuple[slice, slice]) -> camera.Transform:
    """A transform between boxes, restated in the whole frame's pixels."""
    corner = np.array([box[1].start, box[0].start], np.float32)
    moved = transform.copy()
    moved[:, 2] += corner - transform[:, :2] @ corner
    return moved
