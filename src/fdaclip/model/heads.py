"""Frames to video: T frame features become one vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize, scaled_dot_product_attention


@dataclass(frozen=True)
class HeadConfig:
    """The head over frame features.

    Attributes:
        kind: `mean`, or `temporal`: a transformer over the frames, then the mean.
        layers: transformer layers of `temporal` (4 in CLIP4Clip's sequential transformer).
        max_frames: frames that `temporal` has position embeddings for.

    Raises:
        ValueError: a value is out of its range.
    """

    kind: Literal["mean", "temporal"] = "mean"
    layers: int = 4
    max_frames: int = 77

    def __post_init__(self) -> None:
        if self.kind not in ("mean", "temporal"):
            raise ValueError(f"head must be mean or temporal, not {self.kind!r}")
        for name in ("layers", "max_frames"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a positive whole number, not {value!r}")


def mean_of_frames(frames: Tensor) -> Tensor:
    """[B,T,E] → [B,E]: unit frames, their mean, unit again.

    So does CLIP4Clip's published code (modules/modeling.py, `_loose_similarity`); the paper's text
    (Luo et al. 2021, section 3.3) names the mean alone. A frame weighs by its direction, however
    long its feature.
    """
    return normalize(normalize(frames, dim=-1).mean(1), dim=-1)


class MeanHead(nn.Module):
    """[B,T,E] → [B,E], unit length; nothing to learn."""

    def forward(self, frames: Tensor) -> Tensor:
        return mean_of_frames(frames)


class TemporalHead(nn.Module):
    """[B,T,E] → [B,E], unit length: CLIP4Clip's sequential transformer, begun at the mean.

    frames + out(transformer(frames + positions)), then the mean. `out` is zero at first, so that an
    untrained head is exactly the mean head and training starts from what CLIP already knows.
    """

    def __init__(self, width: int, config: HeadConfig) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.empty(config.max_frames, width).normal_(std=0.02))
        self.blocks = nn.ModuleList(Block(width) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, width, bias=False)
        nn.init.zeros_(self.out.weight)

    def forward(self, frames: Tensor) -> Tensor:
        count, known = frames.shape[1], len(self.positions)
        if count > known:
            raise ValueError(f"the temporal head knows {known} frames a clip, not {count}")
        x = frames + self.positions[:count]  # [B,T,E]
        for block in self.blocks:
            x = block(x)
        return mean_of_frames(frames + self.out(self.norm(x)))


class Block(nn.Module):
    """A pre-norm transformer layer, [B,T,E] → [B,T,E]; heads of 64, as CLIP's."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(1, width // 64)
        if width % self.heads:
            raise ValueError(f"an embedding of {width} does not split into {self.heads} heads")
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, count, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, count, 3, self.heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # [B,heads,T,E/heads] each
        mixed = scaled_dot_product_attention(query, key, value)
        x = x + self.proj(mixed.transpose(1, 2).reshape(batch, count, width))
        grown: Tensor = self.fc2(gelu(self.fc1(self.norm2(x))))
        return x + grown


def build_head(width: int, config: HeadConfig) -> nn.Module:
    """The head that `config` names, for embeddings of `width`."""
    return MeanHead() if config.kind == "mean" else TemporalHead(width, config)
