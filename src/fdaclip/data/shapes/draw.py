"""Drawing a clip of moving shapes: frames as RGB, and where its mover truly is."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from fdaclip.data.shapes.scene import (
    BEAT_SECONDS,
    BEATS,
    COLOURS,
    MARGIN,
    RATE,
    SIDE,
    ClipSpec,
    Scene,
    Shape,
    displacement,
)

_FIXED_POINT = 4  # fractional bits of OpenCV's polygon coordinates


def frame_count() -> int:
    return round(BEATS * BEAT_SECONDS * RATE)


def frames(spec: ClipSpec) -> Iterator[NDArray[np.uint8]]:
    """The clip's frames, uint8 [H,W,3], ``RATE`` a second."""
    background = _background(spec.scene.seed)
    noise = _noise_bank()
    rng = np.random.default_rng(spec.scene.seed)
    for index in range(frame_count()):
        time = index / RATE
        picture = _film(background, spec.scene, time)
        for number, shape in enumerate(spec.scene.shapes):
            if number != spec.mover:
                _paint(picture, _outlines(spec.scene, shape, time), shape)
        _paint(picture, _mover_outlines(spec, time), spec.scene.shapes[spec.mover])
        grain = noise[rng.integers(len(noise))]
        yield np.asarray(cv2.add(picture, grain, dtype=cv2.CV_8U), np.uint8)


def mover_mask(spec: ClipSpec, time: float) -> NDArray[np.bool_]:
    """Where the mover is visible in the frame shown at ``time`` (s): bool [H,W].

    The mover is in front of everything else, so all of it inside the view is visible.
    """
    index = min(math.floor(time * RATE + 1e-6), frame_count() - 1)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for outline in _mover_outlines(spec, index / RATE):
        cv2.fillPoly(mask, outline, 1, cv2.LINE_8, _FIXED_POINT)
    return mask.astype(bool)


def motion_mask(spec: ClipSpec, time: float, partner_time: float) -> NDArray[np.bool_]:
    """The truth for a difference mask: where the mover is in the frame or in its partner.

    The mover's place in the partner is carried back along the camera's path, as a compensated
    difference sees it.
    """
    mask = mover_mask(spec, partner_time).astype(np.uint8)
    here, there = (_view(spec.scene, t) for t in (time, partner_time))
    back = np.vstack([here, [0, 0, 1]]) @ np.linalg.inv(np.vstack([there, [0, 0, 1]]))
    carried = cv2.warpAffine(mask, back[:2], (SIDE, SIDE), flags=cv2.INTER_NEAREST)
    seen: NDArray[np.bool_] = mover_mask(spec, time) | carried.astype(bool)
    return seen


def _view(scene: Scene, time: float) -> NDArray[np.float64]:
    """Similarity [2,3] from the view at rest to the picture at ``time``, about its centre."""
    scale, dx, dy = scene.camera.at(time)
    centre = SIDE / 2
    return np.array(
        [[scale, 0, centre * (1 - scale) + dx], [0, scale, centre * (1 - scale) + dy]], np.float64
    )


def _film(background: NDArray[np.uint8], scene: Scene, time: float) -> NDArray[np.uint8]:
    view = _view(scene, time)
    view[:, 2] -= view[:, :2] @ [MARGIN, MARGIN]
    filmed = cv2.warpAffine(
        background, view, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(filmed, np.uint8)


@functools.lru_cache(maxsize=8)
def _background(seed: int) -> NDArray[np.uint8]:
    """A muted texture with detail at several scales, so that a camera's path can be seen."""
    rng = np.random.default_rng([seed, 1])
    side = SIDE + 2 * MARGIN
    texture = np.zeros((side, side, 3), np.float32)
    for cells, weight in ((4, 18.0), (12, 14.0), (40, 12.0)):
        coarse = rng.normal(size=(cells, cells, 1)) + 0.5 * rng.normal(size=(cells, cells, 3))
        texture += weight * cv2.resize(
            coarse.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC
        )
    base = rng.uniform(70, 120, 3)
    return np.clip(texture + base, 20, 200).astype(np.uint8)


@functools.lru_cache(maxsize=1)
def _noise_bank() -> NDArray[np.int16]:
    """Sensor noise of 2 levels, drawn once: drawing it anew for each frame would cost most."""
    rng = np.random.default_rng(0)
    return rng.normal(0, 2, (16, SIDE, SIDE, 3)).round().astype(np.int16)


def _mover_outlines(spec: ClipSpec, time: float) -> list[list[NDArray[np.int32]]]:
    shape = spec.scene.shapes[spec.mover]
    return _outlines(spec.scene, shape, time, *displacement(spec.motion, time))


def _screen(scene: Scene, shape: Shape, time: float) -> tuple[float, float]:
    x, y = _view(scene, time) @ [shape.x, shape.y, 1.0]
    return float(x), float(y)


def _outlines(
    scene: Scene, shape: Shape, time: float, dx: float = 0.0, dy: float = 0.0
) -> list[list[NDArray[np.int32]]]:
    """The shape's closed curves in the picture at ``time``, in OpenCV's fixed-point pixels.

    What leaves the view at one edge enters at the opposite one, movers and others alike: several
    copies are seen then.
    """
    x, y = _screen(scene, shape, time)
    x, y = (x + dx) % SIDE, (y + dy) % SIDE
    radius = shape.radius * scene.camera.at(time)[0]
    reach = 1.5 * radius
    return [
        [
            ((curve * radius + [cx, cy]) * 2**_FIXED_POINT).round().astype(np.int32)
            for curve in _unit_form(shape.form)
        ]
        for cx in (x - SIDE, x, x + SIDE)
        for cy in (y - SIDE, y, y + SIDE)
        if -reach < cx < SIDE + reach and -reach < cy < SIDE + reach
    ]


@functools.cache
def _unit_form(form: str) -> list[NDArray[np.float64]]:
    """The closed curves of a form of radius one; the second of a ring is its hole."""
    if form == "circle":
        return [_polygon([1.1] * 32)]
    if form == "ring":
        return [_polygon([1.15] * 32), _polygon([0.65] * 32)]
    if form == "triangle":
        return [_polygon([1.3] * 3, turn=-math.pi / 2) + np.array([0, 0.2])]
    if form == "bar":
        return [_box(1.15, 0.36)]
    if form == "pillar":
        return [_box(0.36, 1.15)]
    arm, width = 1.15, 0.33
    quarter = [(width, arm), (width, width), (arm, width)]
    corners = [*quarter]
    for _ in range(3):  # turn by 90 degrees, clockwise from the last
        quarter = [(y, -x) for x, y in quarter]
        corners += quarter
    return [np.array(corners)]


def _box(half_width: float, half_height: float) -> NDArray[np.float64]:
    signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float64)
    return np.asarray(signs * [half_width, half_height], np.float64)


def _polygon(radii: list[float], turn: float = 0.0) -> NDArray[np.float64]:
    angles = turn + np.arange(len(radii)) * 2 * math.pi / len(radii)
    unit = np.stack([np.cos(angles), np.sin(angles)], 1)
    return np.asarray(unit * np.array(radii)[:, None], np.float64)


def _paint(picture: NDArray[np.uint8], copies: list[list[NDArray[np.int32]]], shape: Shape) -> None:
    for outline in copies:
        cv2.fillPoly(picture, outline, COLOURS[shape.colour], cv2.LINE_AA, _FIXED_POINT)
