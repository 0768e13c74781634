"""Drawn scenes with a known mover and a known camera: truth for the masks.

A scene is a textured plane with shapes lying on it, one shape that moves, and a camera that stands,
pans, zooms, turns or shakes. `frame(t)` draws what the camera sees at time t (seconds); the truth
of a pair is the union of the mover's region in the frame and in its partner, both in the frame's
pixels: that is where the two differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FINE = 3  # drawn that many times larger, then area-averaged: smooth outlines, sub-pixel motion
PARTNER = 1 / 6  # seconds between a frame and its partner
SHAPES = ("disc", "square", "triangle", "cross")
CAMERAS = ("static", "pan", "zoom", "turn", "handheld")


@dataclass(frozen=True)
class Scene:
    """One scene; every choice follows from the seed.

    Args:
        seed: of the texture, the shapes and the paths.
        camera: one of CAMERAS.
        size: short side, px; frames are size × 4/3 size.
        mover: whether anything moves in the scene.
        flicker: amplitude of a global gain change, share of full brightness.
        noise: deviation of the sensor noise, luma levels.
    """

    seed: int
    camera: str = "static"
    size: int = 112
    mover: bool = True
    flicker: float = 0.0
    noise: float = 0.0
    world: NDArray[np.uint8] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "world", self._world())

    @property
    def shape(self) -> tuple[int, int]:
        return self.size, self.size * 4 // 3

    def _random(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, purpose])

    def _world(self) -> NDArray[np.uint8]:
        """The plane, twice as wide and high as a frame, at the fine scale."""
        random = self._random(0)
        height, width = (2 * FINE * side for side in self.shape)
        plane = np.zeros((height, width, 3), np.float32)
        for cells, depth in ((4, 45), (12, 30), (40, 22), (120, 14)):
            coarse = random.normal(0, depth, (cells, cells * 4 // 3, 3)).astype(np.float32)
            coarse = 0.7 * coarse.mean(axis=2, keepdims=True) + 0.3 * coarse
            plane += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        plane = np.clip(plane + random.uniform(90, 160), 0, 255)
        for _ in range(14):  # shapes that lie still
            colour = random.uniform(0, 255, 3)
            kind, side = random.choice(SHAPES), random.uniform(0.1, 0.26) * self.size * FINE
            at = random.uniform(0, [width, height])
            plane[stencil(kind, at, side, (height, width)) > 0] = colour
        return plane.astype(np.uint8)

    def view(self, t: float) -> NDArray[np.float64]:
        """Frame pixel (x, y, 1) -> plane, in frame-sized pixels, [2,3]."""
        random = self._random(1)
        height, width = self.shape
        centre = np.array([width, height], float)
        zoom, turn, shift = 1.0, 0.0, np.zeros(2)
        way = random.uniform(0, 2 * np.pi)
        if self.camera == "pan":
            speed = random.uniform(0.15, 0.35) * self.size
            shift = speed * (t - 1) * np.array([np.cos(way), np.sin(way)])
        elif self.camera == "zoom":
            zoom = 1.0 - random.uniform(0.08, 0.2) * (t - 1) * random.choice([-1, 1])
        elif self.camera == "turn":
            turn = random.uniform(0.08, 0.25) * (t - 1) * random.choice([-1, 1])
        elif self.camera == "handheld":
            phase = random.uniform(0, 2 * np.pi, 6)
            rate = random.uniform(3, 9, 6)
            sway = np.sin(rate * t + phase)
            shift = 0.03 * self.size * (sway[:2] + 0.5 * sway[2:4])
            turn, zoom = 0.015 * float(sway[4]), 1 + 0.012 * float(sway[5])
        a, b = zoom * np.cos(turn), zoom * np.sin(turn)
        linear = np.array([[a, -b], [b, a]])
        middle = np.array([width, height]) / 2
        return np.column_stack([linear, centre + shift - linear @ middle])

    def mover_at(self, t: float) -> tuple[str, NDArray[np.float64], float, NDArray[np.float64]]:
        """(form, centre on the plane, side, colour), lengths in frame-sized pixels."""
        random = self._random(2)
        form = str(random.choice(SHAPES))
        side = random.uniform(0.15, 0.27) * self.size
        way = random.uniform(0, 2 * np.pi)
        speed = random.uniform(5, 21) / 112 * self.size / PARTNER
        height, width = self.shape
        reach = np.array([width, height]) / 2 - side
        start = random.uniform(-reach, reach)
        colour = random.choice([20.0, 235.0], 3) + random.uniform(-20, 20, 3)
        bent = start + speed * t * np.array([np.cos(way), np.sin(way)])
        folded = np.abs((bent + reach) % (4 * reach) - 2 * reach) - reach  # bounce within the frame
        return form, np.array([width, height]) + folded, side, colour

    def _fine_view(self, t: float) -> NDArray[np.float64]:
        half = (FINE - 1) / 2  # pixel centres of the two scales differ by this
        view = self.view(t)
        fine = view.copy()
        fine[:, 2] = FINE * view[:, 2] + half - view[:, :2] @ [half, half]
        return fine

    def frame(self, t: float) -> NDArray[np.uint8]:
        """What the camera sees, uint8 [H,W,3]."""
        plane = self.world
        if self.mover:
            plane = plane.copy()
            form, at, side, colour = self.mover_at(t)
            plane[stencil(form, at * FINE, side * FINE, plane.shape[:2]) > 0] = colour.clip(0, 255)
        seen: Any = self._look(plane, t, cv2.INTER_LINEAR)
        seen = seen.astype(np.float32)
        if self.flicker:
            seen *= 1 + self.flicker * np.sin(11.3 * t + self.seed)
        if self.noise:
            tick = round(t * 1000)
            seen += np.random.default_rng([self.seed, 3, tick]).normal(0, self.noise, seen.shape)
        return np.clip(seen + 0.5, 0, 255).astype(np.uint8)

    def mover_mask(self, t: float, seen_from: float | None = None) -> NDArray[np.bool_]:
        """Where the mover of time t is, seen by the camera of another time (t if None), [H,W]."""
        if not self.mover:
            return np.zeros(self.shape, bool)
        form, at, side, _ = self.mover_at(t)
        plane = stencil(form, at * FINE, side * FINE, self.world.shape[:2])
        view: Any = self._look(plane * 255, t if seen_from is None else seen_from, cv2.INTER_LINEAR)
        return view > 127

    def truth(self, t: float, partner: float) -> NDArray[np.bool_]:
        """The union of the mover's regions at both times, in the pixels of the frame at t."""
        return self.mover_mask(t) | self.mover_mask(partner, seen_from=t)

    def _look(self, plane: NDArray[np.uint8], t: float, how: int) -> NDArray[np.uint8]:
        height, width = self.shape
        fine: Any = cv2.warpAffine(
            plane,
            self._fine_view(t),
            (width * FINE, height * FINE),
            flags=how | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
        return cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def stencil(
    form: str, at: NDArray[np.float64], side: float, shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    """A filled shape of that side round a centre (x, y): uint8 of 0 and 1."""
    canvas = np.zeros(shape[:2], np.uint8)
    half = side / 2
    outline: dict[str, list[tuple[float, float]]] = {
        "square": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
        "triangle": [(0, -1), (1, 1), (-1, 1)],
        "cross": [
            (-0.35, -1), (0.35, -1), (0.35, -0.35), (1, -0.35), (1, 0.35), (0.35, 0.35),
            (0.35, 1), (-0.35, 1), (-0.35, 0.35), (-1, 0.35), (-1, -0.35), (-0.35, -0.35),
        ],
    }  # fmt: skip
    if form == "disc":
        cv2.circle(canvas, (round(at[0]), round(at[1])), round(half), 1, cv2.FILLED)
    else:
        corners = np.round(np.array(outline[form]) * half + at).astype(np.int32)
        cv2.fillPoly(canvas, [corners], 1)
    return canvas


@dataclass(frozen=True)
class DrawnPairs:
    """Frames and partners as `analyse_motion` takes them, with the truth of each pair."""

    rgb: NDArray[np.uint8]  # [T,H,W,3]
    partners: NDArray[np.uint8]  # [T,H,W,3]
    truth: NDArray[np.bool_]  # [T,H,W]


def draw(scene: Scene, frames: int = 12, seconds: float = 2.0) -> DrawnPairs:
    """T pairs at uniform times of the scene."""
    times = (np.arange(frames) + 0.5) * seconds / frames
    return DrawnPairs(
        np.stack([scene.frame(t) for t in times]),
        np.stack([scene.frame(t + PARTNER) for t in times]),
        np.stack([scene.truth(t, t + PARTNER) for t in times]),
    )


def iou(mask: NDArray[Any], truth: NDArray[np.bool_]) -> float:
    """Intersection over union of a mask at 0.5 with the truth; 1 where both are empty."""
    found = mask > 0.5
    union = int((found | truth).sum())
    return 1.0 if union == 0 else float((found & truth).sum()) / union


def dense(scene: Scene, seconds: float, rate: int = 12) -> Iterator[NDArray[np.uint8]]:
    """The scene's frames as a video would hold them."""
    for tick in range(round(seconds * rate)):
        yield scene.frame(tick / rate)
