"""The head over frame features: one vector a clip, or frames and words kept apart.

Shapes: B clips or sentences, T frames, E embedding.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import normalize

from .head_config import HeadConfig as HeadConfig
from .interaction import TokenHead
from .sequence import FrameTransformer


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


class TemporalHead(FrameTransformer):
    """[B,T,E] → [B,E], unit length: the transformer over the frames, then their mean."""

    def forward(self, frames: Tensor) -> Tensor:
        return mean_of_frames(super().forward(frames))


def build_head(width: int, config: HeadConfig) -> nn.Module:
    """The head that `config` names, for embeddings of `width`."""
    sizes = (width, config.layers, config.max_frames, config.form)
    if config.keeps_tokens:
        transformer = FrameTransformer(*sizes) if config.over_time else None
        return TokenHead(width, weighted=config.kind == "wti", transformer=transformer)
    return TemporalHead(*sizes) if config.kind == "temporal" else MeanHead()


def transformer_of(head: nn.Module) -> FrameTransformer:
    """The transformer over frames of a head that has one."""
    found = head.transformer if isinstance(head, TokenHead) else head
    assert isinstance(found, FrameTransformer)
    return found
