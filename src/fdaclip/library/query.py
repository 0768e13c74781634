"""What is asked for: sentences, pictures and clips, wanted and unwanted, with weights.

Shapes: E embedding, H×W pixels.

Each part becomes a vector of unit length u, and the query is the direction of their weighted sum,

    q = Σ w·u / |Σ w·u|,

with weights below zero for what is not wanted. So however much is asked at once, a moment's score
is one dot product.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from .errors import LibraryError

if TYPE_CHECKING:
    from .hits import Hit

Kind = Literal["sentence", "image", "clip", "vector"]
WITHOUT = 0.5  # weight of what is not wanted, where none is given; see docs/search.md
CANCELLED = 1e-3  # a sum shorter than this points nowhere


class BadQuery(LibraryError):
    """What was asked for makes no query."""


@dataclass(frozen=True)
class Part:
    """One thing that is asked for.

    Attributes:
        kind: what it is.
        text: of a sentence. path: of an image or a clip.
        start, end: s, of a clip; the whole file if ``end`` is infinite and ``start`` 0.
        pixels: uint8 [H,W,3], of an image that lies in no file.
        vector: float32 [E] of unit length, of what was encoded elsewhere; ``path`` is its name.
        weight: below zero for what is not wanted.
    """

    kind: Kind
    text: str = ""
    path: str = ""
    start: float = 0.0
    end: float = math.inf
    weight: float = 1.0
    pixels: NDArray[np.uint8] | None = field(default=None, compare=False, repr=False)
    vector: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    held: bytes = field(init=False, repr=False)  # of arrays: two pictures are two questions

    def __post_init__(self) -> None:
        told = hashlib.blake2b(digest_size=16)
        for array in (self.pixels, self.vector):
            if array is not None:
                told.update(repr(array.shape).encode() + array.tobytes())
        object.__setattr__(self, "held", told.digest())

    def __str__(self) -> str:
        if self.kind == "sentence":
            return self.text
        name = os.path.basename(self.path) or "a picture"  # noqa: PTH119 (paths are strings)
        whole = self.start == 0 and self.end == math.inf
        return name if self.kind != "clip" or whole else f"{name}@{self.start:g}-{self.end:g}"


@dataclass(frozen=True)
class Query:
    """Parts that are asked for together.

    Built from its class methods, added, subtracted and weighted::

        Query.sentence("waves") - Query.sentence("surfer") + 0.5 * Query.image("beach.jpg")

    What is subtracted counts half unless a weight is given.

    Attributes:
        parts: at least one of them is wanted.
    """

    parts: tuple[Part, ...]

    @classmethod
    def sentence(cls, text: str) -> Query:
        """By what should be seen, in words."""
        return cls((Part("sentence", text=text),))

    @classmethod
    def image(cls, image: str | os.PathLike[str] | NDArray[np.uint8]) -> Query:
        """By a picture: a file, or an array uint8 [H,W,3]."""
        if isinstance(image, np.ndarray):
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
                raise BadQuery(f"a picture is uint8 [H,W,3], not {image.dtype} {image.shape}")
            return cls((Part("image", pixels=image),))
        return cls((Part("image", path=os.fspath(image)),))

    @classmethod
    def clip(cls, path: str | os.PathLike[str], start: float = 0.0, end: float = math.inf) -> Query:
        """By a video, or the part of it from ``start`` to ``end``, s."""
        if not 0 <= start < end:
            raise BadQuery(f"a clip begins before it ends, not at {start:g} s and {end:g} s")
        return cls((Part("clip", path=os.fspath(path), start=start, end=end),))

    @classmethod
    def vector(cls, vector: NDArray[np.float32], name: str) -> Query:
        """By what the library's own encoder made of something: float32 [E] of unit length."""
        return cls((Part("vector", path=name, vector=vector),))

    @classmethod
    def like(cls, hit: Hit) -> Query:
        """By a moment that was found: more like this."""
        return cls.clip(hit.path, *hit.best)

    def __add__(self, other: Query) -> Query:
        return Query(self.parts + other.parts)

    def __sub__(self, other: Query) -> Query:
        return self + (-WITHOUT) * other

    def __mul__(self, weight: float) -> Query:
        if not math.isfinite(weight) or weight == 0:
            raise BadQuery(f"a weight is a number other than 0, not {weight!r}")
        return Query(tuple(replace(part, weight=part.weight * weight) for part in self.parts))

    __rmul__ = __mul__

    def __str__(self) -> str:
        wanted = " + ".join(str(part) for part in self.parts if part.weight > 0)
        unwanted = "".join(f" − {part}" for part in self.parts if part.weight < 0)
        return wanted + unwanted

    @property
    def sentences(self) -> Query | None:
        """Its wanted sentences alone; None without any."""
        kept = tuple(p for p in self.parts if p.kind == "sentence" and p.weight > 0)
        return Query(kept) if kept else None

    def checked(self) -> Query:
        """The same.

        Raises:
            BadQuery: a sentence is empty, or nothing is wanted.
        """
        if any(part.kind == "sentence" and not part.text.strip() for part in self.parts):
            raise BadQuery("the sentence is empty", "say what should be seen")
        if not any(part.weight > 0 for part in self.parts):
            raise BadQuery("nothing is asked for", "say what should be seen, not only what not")
        return self


def combined(
    vectors: Sequence[NDArray[np.float32]], weights: Sequence[float]
) -> NDArray[np.float32]:
    """The query's vector float32 [E]; one part alone is its own vector, to the bit.

    Raises:
        BadQuery: the parts cancel each other out.
    """
    if len(vectors) == 1 and weights[0] > 0:
        return vectors[0]
    total = np.asarray(weights, np.float64) @ np.stack(vectors).astype(np.float64)
    length = float(np.linalg.norm(total))
    if length < CANCELLED * max(abs(weight) for weight in weights):
        raise BadQuery("what is wanted and what is not cancel each other out", "ask for less")
    unit: NDArray[np.float32] = (total / length).astype(np.float32)
    return unit


_CLOCK = r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)"
_STRETCH = re.compile(rf"(?P<path>.+)@{_CLOCK}[-–]{_CLOCK}", re.DOTALL)


def parsed_clip(text: str) -> Query:
    """A clip as it is written on the command line: ``a.mp4`` or ``a.mp4@1:05-1:12``.

    A file whose whole name is ``text`` is meant as it is.

    Raises:
        BadQuery: it ends before it begins.
    """
    found = _STRETCH.fullmatch(text)
    if found is None or os.path.exists(text):  # noqa: PTH110 (paths are strings)
        return Query.clip(text)
    _, *clocks = found.groups()
    return Query.clip(found["path"], _seconds(clocks[:3]), _seconds(clocks[3:]))


def _seconds(clock: Sequence[str | None]) -> float:
    hours, minutes, seconds = (float(part or 0) for part in clock)
    return 3600 * hours + 60 * minutes + seconds
