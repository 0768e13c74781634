"""Perception Encoder: OpenAI's names, a probe that pools, and preprocessing of its own.

Reference: github.com/facebookresearch/perception_models, pe.py, config.py and transforms.py of
core/vision_encoder. The hub holds `PE-Core-B16-224.pt` and the like: a state dict of both towers.
Sizes are read from the shapes; heads are 64 wide, the activation is GELU.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from ..errors import UnsupportedModel
from ..preprocess import Preprocess
from .accounts import account
from .names import to_hugging_face
from .openai import config_of, expected, geometry_of

PROBE = "visual.attn_pool.probe"
HALF = (0.5, 0.5, 0.5)


def is_perception(state: Mapping[str, Tensor]) -> bool:
    """Are these its names, of both towers?"""
    return PROBE in state and "token_embedding.weight" in state


def read_perception(state: Mapping[str, Tensor], source: Path) -> tuple[Any, dict[str, Tensor]]:
    """Config and weights of both towers, in Hugging Face's names.

    Raises:
        UnsupportedModel: it has no class token, as PE-Core-G14.
        BadCheckpoint: weights are missing, left over or misshapen; they are named.
    """
    from ..perception import PEConfig

    if "visual.class_embedding" not in state:
        raise UnsupportedModel(
            f"{source} has no class token (as PE-Core-G14): it does not run here"
        )
    clip = config_of(geometry_of(state, source), "gelu")
    config = PEConfig(
        vision_config=clip.vision_config.to_dict(),
        text_config=clip.text_config.to_dict(),
        projection_dim=clip.projection_dim,
    )
    account(state, expected(config, alpha=False), source)
    return config, to_hugging_face(state)


def preprocessing(size: int) -> Preprocess:
    """A picture squeezed to a square, by the bilinear filter that it was trained with."""
    bilinear = int(Image.Resampling.BILINEAR)
    return Preprocess(size, square=True, resample=bilinear, mean=HALF, std=HALF)
