"""A CLIP of a true shape with random weights: speed does not depend on what was learned."""

from __future__ import annotations

from typing import Any

import torch
from transformers.models.clip.configuration_clip import CLIPConfig
from transformers.models.clip.modeling_clip import CLIPModel

from fdaclip.model import FDACLIP, Preprocess
from fdaclip.model.backbone import widen
from fdaclip.model.settings import Settings
from fdaclip.model.tokens import Tokens, word_level
from fdaclip.model.words import WORDS

SIDE = 224  # px


def plain_clip(patch: int = 32, width: int = 768, layers: int = 12) -> CLIPModel:
    """transformers' own, of OpenAI's ViT-B by default, and a text tower of the true size."""
    vision = {
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": width // 64,
        "image_size": SIDE,
        "patch_size": patch,
    }
    text = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = CLIPConfig(vision_config=vision, text_config=text, projection_dim=512)
        return CLIPModel(config)


def tokens() -> Tokens:
    """Words instead of CLIP's byte pairs: a sentence is as long."""
    return word_level(WORDS, 77)


def random_clip(patch: int = 32, **settings: Any) -> FDACLIP:
    """An FDA-CLIP on a `plain_clip`, whose alpha slice takes part as it does once trained.

    Args:
        patch: px.
        settings: as `fdaclip.model.settings.Settings` has them.
    """
    made, backbone = Settings(**settings), plain_clip(patch)
    widen(backbone, made.guidance)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        torch.nn.init.normal_(backbone.vision_model.embeddings.patch_embedding.alpha, std=0.02)
    return FDACLIP(backbone, tokens(), Preprocess(SIDE), made).eval()
