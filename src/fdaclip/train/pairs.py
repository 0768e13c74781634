"""Batches of (clip, sentence) from prepared clips held in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Pairs:
    """Prepared clips and their sentences.

    Attributes:
        rgba: uint8 [V,T,4,S,S], frames with their masks as the fourth channel.
        captions: one or more sentences for each clip.
    """

    rgba: torch.Tensor
    captions: Sequence[Sequence[str]]

    def __post_init__(self) -> None:
        if len(self.rgba) != len(self.captions):
            raise ValueError(f"{len(self.rgba)} clips, but {len(self.captions)} lists of sentences")
        if not all(self.captions):
            raise ValueError("a clip without a sentence cannot be trained on")

    def batches(
        self, size: int, steps: int, seed: int, shift: int = 0
    ) -> Iterator[tuple[torch.Tensor, list[str]]]:
        """``steps`` batches: clips in an order drawn anew each epoch, one sentence of each.

        A clip occurs at most once in a batch, since it would be its own negative. The rest of an
        epoch that does not fill a batch is left out. With ``shift``, each clip is moved by up to
        that many pixels each way, masks and frames together.
        """
        size = min(size, len(self.rgba))
        rng = np.random.default_rng(seed)
        left: list[int] = []
        for _ in range(steps):
            if len(left) < size:
                left = rng.permutation(len(self.rgba)).tolist()
            chosen, left = left[:size], left[size:]
            sentences = [self.captions[i][int(rng.integers(len(self.captions[i])))] for i in chosen]
            yield shifted(self.rgba[chosen], shift, rng), sentences


def shifted(rgba: torch.Tensor, most: int, rng: np.random.Generator) -> torch.Tensor:
    """Each clip of uint8 [B,T,4,S,S] moved by its own whole pixels, at most ``most`` each way.

    Frames and masks move together, all frames of a clip alike; edges repeat their last pixel.
    """
    if not most:
        return rgba
    side = rgba.shape[-1]
    padded = torch.nn.functional.pad(rgba.flatten(1, 2), (most,) * 4, mode="replicate")
    moved = [
        clip[:, y : y + side, x : x + side]
        for clip, (y, x) in zip(padded, rng.integers(0, 2 * most + 1, (len(rgba), 2)), strict=True)
    ]
    return torch.stack(moved).view_as(rgba)
