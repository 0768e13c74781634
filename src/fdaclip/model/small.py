"""A little CLIP with random weights, for a demo and for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .backbone import build_backbone, quiet
from .tokens import BEGIN, END, Tokens

if TYPE_CHECKING:
    from .backbone import Backbone


def small_backbone(
    tokens: Tokens,
    image_size: int,
    patch_size: int,
    width: int,
    layers: int,
    text_layers: int,
    embedding_size: int,
) -> Backbone:
    """Three-channel, drawn from torch's random generator. See `FDACLIP.small` for the sizes.

    Args:
        tokens: a word-level tokenizer, whose vocabulary and context are the text tower's.

    Raises:
        ValueError: the sizes do not divide.
    """
    from transformers.models.clip.configuration_clip import CLIPConfig

    if image_size % patch_size or width % 32:
        raise ValueError(
            f"image_size {image_size} must divide by patch_size {patch_size}, width {width} by 32"
        )
    tower = {
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_attention_heads": width // 32,
        "projection_dim": embedding_size,
        "hidden_act": "gelu",
    }
    vision = {"num_hidden_layers": layers, "image_size": image_size, "patch_size": patch_size}
    text = {
        "num_hidden_layers": text_layers,
        "max_position_embeddings": tokens.context,
        "vocab_size": tokens.tokenizer.get_vocab_size(),
        "pad_token_id": tokens.pad_id,
        "bos_token_id": tokens.tokenizer.token_to_id(BEGIN),
        "eos_token_id": tokens.tokenizer.token_to_id(END),
    }
    with quiet():
        config = CLIPConfig(
            vision_config=tower | vision,
            text_config=tower | text,
            projection_dim=embedding_size,
        )
        backbone = build_backbone(config)
    # A sentence starts as its words rather than their places, and is learned sooner.
    places = backbone.text_model.embeddings.position_embedding
    with torch.no_grad():
        places.weight.mul_(0.1)
    return backbone
