"""The dual encoder itself: transformers' `CLIPModel` or `SiglipModel`, made to see a mask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR
from typing import TYPE_CHECKING, Any

from .patch import Guidance, RGBAPatchEmbedding

if TYPE_CHECKING:
    from transformers import CLIPModel, SiglipModel

    Backbone = CLIPModel | SiglipModel


def build_backbone(config: Any) -> Backbone:
    """The model of a CLIP or SigLIP config, freshly initialised from torch's random generator."""
    if config.model_type == "clip":
        from transformers.models.clip.modeling_clip import CLIPModel

        return CLIPModel(config)
    from transformers.models.siglip.modeling_siglip import SiglipModel

    return SiglipModel(config)


def widen(backbone: Backbone, guidance: Guidance) -> None:
    """Give a three-channel dual encoder its alpha channel, zero at first, in place."""
    embeddings: Any = backbone.vision_model.embeddings
    embeddings.patch_embedding = RGBAPatchEmbedding(embeddings.patch_embedding, guidance)
    for config in (towers(backbone)[0], backbone.vision_model.config):
        config.num_channels = 4


def towers(backbone: Backbone) -> tuple[Any, Any]:
    """The configs of the vision and the text tower."""
    return backbone.config.vision_config, backbone.config.text_config


def embedding_size(backbone: Backbone) -> int:
    """Length of the vectors in the space that both towers share."""
    config: Any = backbone.config
    vision, _ = towers(backbone)
    return int(config.projection_dim if config.model_type == "clip" else vision.hidden_size)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' remarks on configs off the terminal; what matters here is an error."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity(ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)
