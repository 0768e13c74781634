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
from .codec import Vectors, follow
from .config import MotionConfig
from .luma import Luma, edge_contrast, luma, mask_size, middle, picture_box
from .region import Seen, clean, ramp

Kind = Literal["moving", "still", "cut"]

LIGHT = 0.5  # of the brightness: a larger common change is no flicker but a cut or a flash
EDGE = 0.25  # px by which an aligned edge may be off: tracking, interpolation and codec leave that
STEPS = 4  # differences are counted in quarters of a luma level, up to 63 levels


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
            threshold, as a share of full scale, 0 to 1. From motion vectors: mean over the picture
            of how far its moving cells move in 1/6 s, as a share of the short side.
        share: float32 [T]: share of the picture that moves, before any fallback.
        kind: of each frame, "moving", "still" (less than `min_share` moves) or "cut" (more than
            `max_share`: a cut, a flash, or a camera motion that could not be compensated).
        camera: float32 [T,2,3]: where a frame's pixel (x, y, 1) lies in its partner (in the frame
            that looks back, by vectors), in mask pixels; the identity where no camera motion was
            accepted.
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
    """Compare every frame of a clip with its partner, or follow its motion vectors.

    Each frame is judged by itself: its mask depends neither on the other frames nor on their order.

    Args:
        clip: frames and partners, uint8 [T,H,W,3] each; a `fdaclip.video.Clip` or anything alike.
            Its `vectors`, if it has any, serve instead of partners where `config.source` is
            "codec".
        config: the parameters; the defaults if None.

    Returns:
        The masks, at the clip's size scaled down so that the short side is at most
        `config.short_side`, and what else was learned of each pair.

    Raises:
        ValueError: frames and partners are not uint8 arrays [T,H,W,3] of one shape; a clip that has
            vectors instead of partners meets source="pixels".
    """
    config = config or MotionConfig()
    frames = _pictures("frames", clip.rgb)
    vectors: Vectors | None = getattr(clip, "vectors", None)
    if config.source == "pixels" or vectors is None:
        if vectors is not None and not len(clip.partners):
            raise ValueError(
                "the clip has motion vectors instead of partners; hint: take source='codec', or "
                "decode it without vectors"
            )
        partners = _pictures("partners", clip.partners)
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
        frame = luma(frames[t], size)
        if config.source == "pixels" or vectors is None:
            seen = compare(frame, luma(partners[t], size), config)
        else:
            seen = follow(vectors, t, frame, config)
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


def _pictures(name: str, array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    array = np.asarray(array)
    if array.ndim != 4 or array.shape[-1] != 3 or array.dtype != np.uint8 or not array.size:
        raise ValueError(f"{name} must be uint8 [T,H,W,3], not {array.dtype} {array.shape}")
    return array


def compare(frame: Luma, partner: Luma, config: MotionConfig) -> Seen:
    """The moving region of a pair, inside the picture that both frames show."""
    box = picture_box(frame, partner)
    difference, covered, transform = residual(frame[box], partner[box], config)
    quarters: Any = cv2.convertScaleAbs(difference, alpha=STEPS)
    area = quarters.size if covered is None else max(1, cv2.countNonZero(covered))
    lit = above(quarters, noise_threshold(quarters, covered, config), covered)
    inner = clean(lit, min(frame.shape), config)
    if covered is not None:
        inner &= covered
    share = cv2.countNonZero(inner) / area
    # A difference nearly everywhere raises its own threshold, yet is no noise: the two frames have
    # nothing in common, whatever the threshold left.
    changed = cv2.countNonZero(above(quarters, config.floor, covered)) / area
    if changed > config.max_share:
        share = max(share, changed)
    energy = cv2.sumElems(cv2.multiply(quarters, lit))[0] / (255 * STEPS * area)
    region = np.zeros(frame.shape, np.uint8)
    region[box] = inner
    return Seen(region, share, energy, None if transform is None else recentred(transform, box))


def residual(
    frame: Luma, partner: Luma, config: MotionConfig
) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None, camera.Transform | None]:
    """What differs in a pair beyond what the camera and the lighting did.

    Returns:
        difference float32 [h,w] ≥ 0, luma levels; where the aligned partner covers the frame, uint8
        [h,w] of 0 and 1, or None for everywhere; the accepted transform, or None.
    """
    plain = difference_of(frame, partner, None, config)
    if (
        not config.camera
        or min(frame.shape) < camera.SMALLEST
        or camera.stands(frame, plain, config.floor)
    ):
        return plain, None, None
    transform = camera.fit(frame, partner)
    if transform is None:
        return plain, None, None
    aligned, covered = camera.align(partner, transform)
    rest = difference_of(frame, aligned, covered, config)
    if not camera.explains(plain, rest, covered, config.floor):
        return plain, None, None
    return rest, covered, transform


def difference_of(
    frame: Luma, partner: Luma, covered: NDArray[np.uint8] | None, config: MotionConfig
) -> NDArray[np.float32]:
    """Absolute difference without a change of light common to the picture, float32 [h,w].

    Anything between no change and the common change is forgiven: bright parts saturate, and a lamp
    seldom lights everything alike.

    An aligned partner (one that comes with ``covered``) may be off by a fraction of a pixel: what
    that makes of the frame's own edges is forgiven too.

    The blur tells motion from noise, the difference itself tells where motion ends: both must be
    high, so a region does not bleed over its outline.
    """
    base = frame.astype(np.float32)
    difference = partner.astype(np.float32) - base
    gain, offset = lighting(base, difference, covered)
    if gain or offset:
        light = gain * base + offset
        difference -= difference.clip(np.minimum(light, 0), np.maximum(light, 0))
    if covered is not None:
        slack = EDGE * edge_contrast(frame).astype(np.float32)
        difference -= difference.clip(-slack, slack)
    sharp: NDArray[np.float32] = np.abs(difference)
    sigma = config.blur * min(frame.shape)
    if sigma < 0.2:  # px: less does nothing
        return sharp
    smooth: Any = cv2.GaussianBlur(difference, (0, 0), sigma)
    both: NDArray[np.float32] = np.minimum(sharp, np.abs(smooth))
    return both


def lighting(
    base: NDArray[np.float32],
    difference: NDArray[np.float32],
    covered: NDArray[np.uint8] | None,
) -> tuple[float, float]:
    """(gain, offset) of the change of light common to most of the picture.

    difference ≈ gain · base + offset by least squares, re-weighted (Geman–McClure) so that movers
    have no say; on every fourth pixel of every fourth row, plenty for two numbers.
    """
    x, y = base[::4, ::4].ravel(), difference[::4, ::4].ravel()
    if covered is not None:
        inside = covered[::4, ::4].ravel() > 0
        x, y = x[inside], y[inside]
    if len(x) < 16:
        return 0.0, 0.0
    offset, gain = middle(y), 0.0
    spread = max(2.0, 1.4826 * middle(np.abs(y - offset)))
    centre = float(x.mean())
    x = x - centre
    for _ in range(3):
        weight = 1 / (1 + ((y - gain * x - offset) / (2 * spread)) ** 2) ** 2
        weighted = weight * x
        total, sx, sy = float(weight.sum()), float(weighted.sum()), float(weight @ y)
        sxx, sxy = float(weighted @ x), float(weighted @ y)
        determinant = total * sxx - sx * sx
        if determinant <= total * total:  # levels² : too flat a picture to tell gain from offset
            return 0.0, sy / total
        gain = (total * sxy - sx * sy) / determinant
        offset = (sy - gain * sx) / total
        if 255 * abs(gain) + abs(offset - gain * centre) < 1:  # level: the light is steady
            return 0.0, 0.0
    if abs(gain) > LIGHT:  # two pictures with nothing in common fit best with a gain of -1
        return 0.0, 0.0
    return gain, offset - gain * centre


def above(
    quarters: NDArray[np.uint8], level: float, covered: NDArray[np.uint8] | None
) -> NDArray[np.uint8]:
    """Where the difference exceeds a level, uint8 [h,w] of 0 and 1; nowhere that is not covered."""
    lit: Any = cv2.threshold(quarters, min(level * STEPS, 254), 1, cv2.THRESH_BINARY)[1]
    return lit if covered is None else lit & covered  # type: ignore[no-any-return]


def noise_threshold(
    quarters: NDArray[np.uint8], covered: NDArray[np.uint8] | None, config: MotionConfig
) -> float:
    """max(floor, median + k · 1.4826 · MAD) of the absolute difference, in luma levels."""
    counts: Any = cv2.calcHist([quarters], [0], covered, [256], [0, 256]).ravel()
    half = counts.sum() / 2
    median = int(np.searchsorted(np.cumsum(counts), half))
    folded = counts[median:].copy()  # distances from the median: fold the lower half over
    folded[1 : median + 1][: len(folded) - 1] += counts[:median][::-1][: len(folded) - 1]
    deviation = int(np.searchsorted(np.cumsum(folded), half))
    return max(config.floor, (median + config.deviations * 1.4826 * deviation) / STEPS)


def recentred(transform: camera.Transform, box: tuple[slice, slice]) -> camera.Transform:
    """A transform between boxes, restated in the whole frame's pixels."""
    corner = np.array([box[1].start, box[0].start], np.float32)
    moved = transform.copy()
    moved[:, 2] += corner - transform[:, :2] @ corner
    return moved
