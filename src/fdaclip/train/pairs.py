"""Where training clips come from: held in memory, or drawn from files or a cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from fdaclip.data import Clips


class Source(Protocol):
    """V clips with the sentences of each. It goes to worker processes, so it can be pickled."""

    @property
    def captions(self) -> Sequence[Sequence[str]]:
        """One or more sentences for each clip."""

    def name(self, index: int) -> str:
        """Of a clip, for people."""

    def draw(self, index: int, rng: np.random.Generator, caption: str) -> NDArray[np.uint8]:
        """A clip for training, uint8 [T,4,S,S], altered at random by `rng` alone."""


@dataclass(frozen=True)
class Pairs:
    """Prepared clips and their sentences, held in memory.

    Attributes:
        rgba: uint8 [V,T,4,S,S], frames with their masks as the fourth channel.
        captions: one or more sentences for each clip.
        shift: pixels by which a clip is moved at random, frames and masks together.
        names: of the clips; their numbers if there are none.
    """

    rgba: torch.Tensor
    captions: Sequence[Sequence[str]]
    shift: int = 0
    names: Sequence[str] = ()

    def __post_init__(self) -> None:
        if len(self.rgba) != len(self.captions):
            raise ValueError(f"{len(self.rgba)} clips, but {len(self.captions)} lists of sentences")
        if self.shift < 0:
            raise ValueError(f"shift must not be negative, not {self.shift!r}")
        if not all(self.captions):
            raise ValueError("a clip without a sentence cannot be trained on")

    def name(self, index: int) -> str:
        return self.names[index] if self.names else f"clip {index}"

    def draw(self, index: int, rng: np.random.Generator, caption: str) -> NDArray[np.uint8]:
        return shifted(self.rgba[index].numpy(), self.shift, rng)


@dataclass(frozen=True)
class Filmed:
    """Clips of a dataset, from its files or its cache.

    Attributes:
        clips: as `fdaclip.data` gives them.
        names, captions: of its records.
        shift: as of `Pairs`.
    """

    clips: Clips
    names: Sequence[str]
    captions: Sequence[Sequence[str]]
    shift: int = 0

    def name(self, index: int) -> str:
        return self.names[index]

    def draw(self, index: int, rng: np.random.Generator, caption: str) -> NDArray[np.uint8]:
        return shifted(self.clips.draw(index, rng, caption=caption), self.shift, rng)


def shifted(clip: NDArray[np.uint8], most: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A clip of uint8 [T,4,S,S] moved by whole pixels, at most `most` each way.

    Frames and masks move together, all frames alike; edges repeat their last pixel.
    """
    if not most:
        return clip
    side = clip.shape[-1]
    y, x = rng.integers(-most, most + 1, 2)
    rows = np.clip(np.arange(side) + y, 0, side - 1)
    columns = np.clip(np.arange(side) + x, 0, side - 1)
    return clip[..., rows[:, None], columns]
