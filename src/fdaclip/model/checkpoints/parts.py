"""What any checkpoint comes to: the parts that a model is made of, in Hugging Face's names."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from ..backbone import build_backbone, quiet, widen
from ..errors import BadCheckpoint
from ..patch import Guidance
from ..preprocess import Preprocess
from ..settings import Settings
from ..tokens import Tokens
from .accounts import load_exactly

if TYPE_CHECKING:
    from ..backbone import Backbone


@dataclass(frozen=True)
class Parts:
    """A checkpoint that was read and whose weights are all accounted for.

    Attributes:
        format: what it is, for people.
        source: the file or folder of the weights.
        config: transformers' config, its vision tower said to have three channels.
        state: the towers' weights; the patch convolution may have three channels or four.
        preprocess: how frames become pixels.
        tokens: the tokenizer.
        settings: what makes an FDA-CLIP of it; the defaults where the file says nothing.
        head: weights of the head that `settings` names; None where they are not there.
        remarks: what was taken for granted.
    """

    format: str
    source: Path
    config: Any
    state: dict[str, Tensor]
    preprocess: Preprocess
    tokens: Tokens
    settings: Settings = field(default_factory=Settings)
    head: dict[str, Tensor] | None = None
    remarks: tuple[str, ...] = ()


def backbone_of(parts: Parts, guidance: Guidance) -> Backbone:
    """The RGBA dual encoder, in float32.

    Raises:
        BadCheckpoint: the weights are not those of the config; they are named.
    """
    from transformers.initialization import no_init_weights

    with quiet(), no_init_weights():
        backbone = build_backbone(parts.config)
    widen(backbone, guidance)
    load_exactly(backbone, parts.state, parts.source)
    return backbone


def load_head(head: nn.Module, parts: Parts) -> None:
    """Load the head's weights, if it has any.

    Raises:
        BadCheckpoint: they are missing, or of another head.
    """
    if not head.state_dict():
        return
    if parts.head is None:
        raise BadCheckpoint(f"{parts.source} lacks head.safetensors, the weights of its head")
    load_exactly(head, parts.head, parts.source)
