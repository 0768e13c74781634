"""The dual encoder itself, of one of the families, made to see a mask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR
from typing import TYPE_CHECKING, Any

from .patch import Guidance, RGBAPatchEmbedding

if TYPE_CHECKING:
    from transformers import CLIPModel, SiglipModel

    from .perception import PEModel

    Backbone = CLIPModel | SiglipModel | PEModel

KINDS = ("clip", "siglip", "pe")  # `model_type` of the configs that run here


def build_backbone(config: Any) -> Backbone:
    """The model of a config of one of `KINDS`, freshly drawn from torch's random generator."""
    if config.model_type == "clip":
        from transformers.models.clip.modeling_clip import CLIPModel

        return CLIPModel(config)
    if config.model_type == "pe":
        from .perception import PEModel

        return PEModel(config)
    from transformers.models.siglip.modeling_siglip import SiglipModel

    return SiglipModel(config)


def config_class(kind: str) -> Any:
    """The class of the configs of one of `KINDS`."""
    if kind == "clip":
        from transformers.models.clip.configuration_clip import CLIPConfig

        return CLIPConfig
    if kind == "pe":
        from .perception import PEConfig

        return PEConfig
    from transformers.models.siglip.configuration_siglip import SiglipConfig

    return SiglipConfig


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
    return int(vision.hidden_size if config.model_type == "siglip" else config.projection_dim)


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
