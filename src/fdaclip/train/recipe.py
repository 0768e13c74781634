"""Everything that decides how a model is trained, in one typed place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Recipe:
    """The contrastive recipe of CLIP4Clip and its descendants, as defaults.

    Attributes:
        steps: optimiser steps.
        batch: pairs (clip, sentence) a step; every other pair of the batch is a negative.
        mode: what may change: ``frozen`` (alpha slice and head), ``lora`` (adapters too), ``full``.
        backbone_lr, alpha_lr, new_lr: peak learning rates of the pre-trained weights, of the alpha
            slice of the patch convolution, and of modules that no checkpoint brought.
        text_lr: that of the text tower, where it is not the backbone's.
        weight_decay: AdamW's, on matrices only.
        warmup: share of the steps in which the rate rises linearly; it then falls as a cosine to 0.
        clip_norm: gradients are scaled down to this norm.
        shift: pixels by which each clip is moved at random, frames and masks together.
        seed: order of the clips and choice among a clip's sentences.
    """

    steps: int
    batch: int = 128
    mode: Literal["frozen", "lora", "full"] = "full"
    backbone_lr: float = 1e-7
    alpha_lr: float = 1e-4
    new_lr: float = 1e-4
    text_lr: float | None = None
    weight_decay: float = 0.2
    warmup: float = 0.1
    clip_norm: float = 1.0
    shift: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "clip_norm"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)!r}")
        for name in ("backbone_lr", "alpha_lr", "new_lr", "weight_decay", "shift"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)!r}")
        if self.text_lr is not None and not self.text_lr >= 0:
            raise ValueError(f"text_lr must not be negative, not {self.text_lr!r}")
        if self.batch < 2:
            raise ValueError("batch must be at least 2: a pair alone has no negatives")
        if not 0 <= self.warmup <= 1:
            raise ValueError(f"warmup is a share between 0 and 1, not {self.warmup!r}")
        if self.mode not in ("frozen", "lora", "full"):
            raise ValueError(f"mode must be frozen, lora or full, not {self.mode!r}")
