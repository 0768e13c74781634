"""Every number that shapes a mask, in one typed and validated place."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Literal

Source = Literal["pixels", "codec"]


@dataclass(frozen=True)
class MotionConfig:
    """How a pair of frames becomes a mask.

    Lengths are shares of the mask's short side, areas shares of the picture, so that the same
    values serve a 112 px clip and a 720p one. Luma is counted in levels of 0–255.
    docs/masks.md gives the reason for each default.

    Raises:
        ValueError: a value is out of its range; the message quotes it.
    """

    short_side: int = 112  # px: masks are computed at no more than this (smaller clips as they are)
    camera: bool = True  # align the partner to the frame where a global camera motion explains it
    blur: float = 0.007  # Gaussian sigma on the difference
    floor: float = 8.0  # luma levels: a smaller difference is never motion
    deviations: float = 6.0  # k of the noise threshold: median + k · 1.4826 · MAD
    close: float = 0.09  # width of the closing that joins the parts of one mover
    dilate: float = 0.0  # radius by which a region grows, so that it covers the mover's outline
    fill_holes: bool = True  # a flat mover differs only at its edges: fill what they enclose
    min_component: float = 0.001  # share of the picture: smaller regions are specks and dropped
    soft: bool = True  # a ramp from 1 to 0 across the outline; False gives 0 and 1 only
    feather: float = 0.015  # Gaussian sigma of that ramp
    min_share: float = 0.002  # less moves than this: the frame is still, its mask all ones
    max_share: float = 0.6  # more moves than this: a cut, a flash or a pan, its mask all ones
    source: Source = "pixels"  # or "codec": the decoder's motion vectors, where the coding has any

    def __post_init__(self) -> None:
        if self.source not in ("pixels", "codec"):
            raise ValueError(f"source must be pixels or codec, not {self.source!r}")
        for name in ("camera", "fill_holes", "soft"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise ValueError(f"{name} must be true or false, not {value!r}")
        if isinstance(self.short_side, bool) or not isinstance(self.short_side, int):
            raise ValueError(
                f"short_side must be a whole number of pixels, not {self.short_side!r}"
            )
        if not 16 <= self.short_side <= 1024:
            raise ValueError(f"short_side must be 16 to 1024 pixels, not {self.short_side!r}")
        ranges = {
            "blur": (0, 0.1),
            "floor": (0, 60),
            "deviations": (0, 100),
            "close": (0, 0.5),
            "dilate": (0, 0.5),
            "min_component": (0, 1),
            "feather": (0, 0.25),
            "min_share": (0, 1),
            "max_share": (0, 1),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if (
                isinstance(value, bool)
                or not isinstance(value, int | float)
                or not isfinite(value)
                or not low <= value <= high
            ):
                raise ValueError(f"{name} must be a number from {low} to {high}, not {value!r}")
        if self.min_share >= self.max_share:
            raise ValueError(
                f"min_share must be below max_share, not {self.min_share!r} and {self.max_share!r}"
            )
