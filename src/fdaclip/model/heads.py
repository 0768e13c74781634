"""The head over frame features: one vector a clip, or frames and words kept apart.

Shapes: B clips or sentences, T frames, E embedding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.nn.functional import normalize

from .interaction import TokenHead
from .sequence import Form, FrameTransformer

Kind = Literal["mean", "temporal", "ti", "wti"]
KINDS: tuple[Kind, ...] = ("mean", "temporal", "ti", "wti")


@dataclass(frozen=True)
class HeadConfig:
    """The head over frame features.

    Attributes:
        kind: `mean`; `temporal`: a transformer over the frames, then the mean; `ti` and `wti`: each
            word with the frame that fits it best and back, all alike or weighted.
        layers: of the transformer over the frames (4 in CLIP4Clip).
        max_frames: frames that it has position embeddings for.
        form: of that transformer: `zero` begins at the mean, `clip4clip` is CLIP4Clip's own.
        over_time: let `ti` and `wti` compare frames that went through the transformer, as in DRL's
            published runs.

    Raises:
        ValueError: a value is out of its range.
    """

    kind: Kind = "mean"
    layers: int = 4
    max_frames: int = 77
    form: Form = "zero"
    over_time: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"head must be mean, temporal, ti or wti, not {self.kind!r}")
        if self.form not in ("zero", "clip4clip"):
            raise ValueError(f"form must be zero or clip4clip, not {self.form!r}")
        if not isinstance(self.over_time, bool):
            raise ValueError(f"over_time must be true or false, not {self.over_time!r}")
        if self.over_time and not self.keeps_tokens:
            raise ValueError(f"over_time is for ti and wti, not for {self.kind}")
        for name in ("layers", "max_frames"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a positive whole number, not {value!r}")

    @property
    def keeps_tokens(self) -> bool:
        """Are frames and words kept apart, so that there is no one vector a clip?"""
        return self.kind in ("ti", "wti")

    @property
    def has_transformer(self) -> bool:
        """Do the frames go through a transformer?"""
        return self.kind == "temporal" or self.over_time


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
