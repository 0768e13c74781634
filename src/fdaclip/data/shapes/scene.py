"""What a clip of moving shapes is: a scene, one mover in it, and the mover's motion.

A *scene* is a textured background, four shapes that differ in form and colour, and a camera path.
A *clip* is a scene with one of its shapes moving. Every scene is filmed once per shape, so four
clips share everything but the mover.

Time runs in *beats* of one second. Every motion brings its shape back to its home once a beat,
at the middle of the beat: there the four clips of a scene show the very same picture. Uniform
sampling of one frame a beat therefore gives a model without motion nothing to tell them apart
(:mod:`fdaclip.data.shapes.bound` derives what such a model can reach at best).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

FORMS = ("circle", "ring", "triangle", "cross", "bar", "pillar")
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "orange": (244, 140, 6),
    "yellow": (250, 225, 60),
    "green": (40, 160, 60),
    "cyan": (60, 215, 230),
    "blue": (40, 70, 220),
    "purple": (150, 50, 190),
    "pink": (255, 150, 200),
    "white": (245, 245, 245),
    "black": (12, 12, 12),
}
SIZES: dict[str, float] = {"small": 9.0, "large": 15.0}  # radius in pixels
SPEEDS = ("slow", "fast")
DIRECTIONS: dict[str, tuple[float, float]] = {
    "left": (-1.0, 0.0),
    "right": (1.0, 0.0),
    "up": (0.0, -1.0),
    "down": (0.0, 1.0),
    "up left": (-1.0, -1.0),
    "up right": (1.0, -1.0),
    "down left": (-1.0, 1.0),
    "down right": (1.0, 1.0),
}
SIDE = 96  # pixels, width and height of a clip
RATE = 12  # frames a second
BEATS = 2
BEAT_SECONDS = 1.0
MARGIN = 24  # pixels of background beyond each edge, for the camera to move into

Path = Literal["straight", "swing", "loop"]


@dataclass(frozen=True)
class Shape:
    """A shape and its home, in pixels of the view at rest."""

    form: str
    colour: str
    size: str
    x: float
    y: float

    @property
    def identity(self) -> tuple[str, str, str]:
        return self.size, self.colour, self.form

    @property
    def radius(self) -> float:
        return SIZES[self.size]


@dataclass(frozen=True)
class Motion:
    """How the mover moves.

    ``straight``: in one direction, leaving at one edge and entering at the opposite one.
    ``swing``: back and forth along a line; ``direction`` is ``right`` (side to side) or ``down``.
    ``loop``: a three-petalled rose, r = R sin 3θ; ``direction`` is empty.
    """

    path: Path
    direction: str
    speed: str


@dataclass(frozen=True)
class Camera:
    """``still``, ``pan`` (constant velocity), ``shake`` (hand-held) or ``zoom`` (towards)."""

    kind: Literal["still", "pan", "shake", "zoom"] = "still"
    dx: float = 0.0  # pan: pixels a second; shake: amplitude in pixels
    dy: float = 0.0
    phase: float = 0.0

    def at(self, time: float) -> tuple[float, float, float]:
        """(scale, shift x, shift y) from the view at rest to the picture, about its centre."""
        middle = time - BEATS * BEAT_SECONDS / 2
        if self.kind == "pan":
            return 1.0, self.dx * middle, self.dy * middle
        if self.kind == "shake":
            return (
                1.0,
                self.dx * math.sin(2 * math.pi * 0.7 * time + self.phase),
                self.dy * math.sin(2 * math.pi * 0.9 * time + 2 * self.phase),
            )
        if self.kind == "zoom":
            return 1.0 + 0.05 * (middle + BEATS * BEAT_SECONDS / 2), 0.0, 0.0
        return 1.0, 0.0, 0.0


@dataclass(frozen=True)
class Scene:
    """Background (by its seed), shapes and camera path."""

    seed: int
    shapes: tuple[Shape, ...]
    camera: Camera


@dataclass(frozen=True)
class ClipSpec:
    """One clip: everything needed to draw it again, and its sentences."""

    name: str
    scene: Scene
    mover: int
    motion: Motion
    captions: tuple[str, ...]

    @property
    def identity(self) -> tuple[str, str, str]:
        return self.scene.shapes[self.mover].identity


def motions() -> list[Motion]:
    """Every motion a shape can make."""
    return [
        *(Motion("straight", d, s) for d in DIRECTIONS for s in SPEEDS),
        *(Motion("swing", d, s) for d in ("right", "down") for s in SPEEDS),
        *(Motion("loop", "", s) for s in SPEEDS),
    ]


def displacement(motion: Motion, time: float) -> tuple[float, float]:
    """Offset of the mover from its home at ``time`` (s), in pixels, before wrapping at the edges.

    Zero (modulo the view's side, for straight paths) in the middle of every beat.
    """
    beat = time / BEAT_SECONDS - 0.5
    fast = motion.speed == "fast"
    if motion.path == "straight":
        dx, dy = DIRECTIONS[motion.direction]
        run = SIDE * beat * (2 if fast else 1)
        return dx * run, dy * run
    if motion.path == "swing":
        # Half a swing a beat: through home rightwards in one beat, leftwards in the next.
        run = (32.0 if fast else 16.0) * math.sin(math.pi * beat)
        dx, dy = DIRECTIONS[motion.direction]
        return dx * run, dy * run
    turn = math.pi / 3 * beat
    reach = (36.0 if fast else 18.0) * math.sin(3 * turn)
    return reach * math.cos(turn), reach * math.sin(turn)
