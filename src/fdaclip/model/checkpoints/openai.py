"""OpenAI's CLIP: a TorchScript archive as published, or a plain state dict.

Reference: github.com/openai/CLIP, clip/model.py, `build_model`: all sizes are read from the shapes,
heads are 64 wide, the activation is QuickGELU, a sentence is read at its highest token id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isqrt
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from ..backbone import build_backbone, quiet
from ..errors import BadCheckpoint, UnsupportedModel
from .accounts import account
from .names import ALPHA, PATCH, to_hugging_face, to_openai

Activation = Literal["quick_gelu", "gelu"]
ACTIVATIONS: tuple[Activation, ...] = ("quick_gelu", "gelu")
SIZES = ("input_resolution", "context_length", "vocab_size")  # kept beside the weights
HEAD = 64  # width of an attention head
WIDEST = 1024  # of OpenAI's vision towers, ViT-L


@dataclass(frozen=True)
class Geometry:
    """The sizes of a CLIP.

    Attributes:
        embedding: E.
        image, patch: px.
        vision_width, vision_layers, vision_heads, vision_hidden: of the vision tower.
        context, vocabulary: tokens a sentence, and that there are.
        text_width, text_layers, text_heads, text_hidden: of the text tower.
    """

    embedding: int
    image: int
    patch: int
    vision_width: int
    vision_layers: int
    vision_heads: int
    vision_hidden: int
    context: int
    vocabulary: int
    text_width: int
    text_layers: int
    text_heads: int
    text_hidden: int


def towers_of(
    state: Mapping[str, Tensor],
    source: Path,
    *,
    activation: Activation = "quick_gelu",
    heads: tuple[int, int] | None = None,
    prefix: str = "",
) -> tuple[Any, dict[str, Tensor]]:
    """transformers' config and weights of a CLIP in OpenAI's names.

    Args:
        state: with `conv1_alpha` where the file has it.
        source: named in errors.
        activation: of both towers.
        heads: of the vision and the text tower, where they are not 64 wide.
        prefix: that the file puts before each name.

    Raises:
        BadCheckpoint: weights are missing, left over or misshapen; they are named as in the file.
        UnsupportedModel: the vision tower is no ViT.
    """
    # What `build_model` drops, and a mask that follows from the context.
    state = {
        name: tensor
        for name, tensor in state.items()
        if name not in SIZES and not name.endswith("attn_mask")
    }
    refuse_other_towers(state, source)
    geometry = geometry_of(state, source, prefix)
    if heads:
        geometry = replace(geometry, vision_heads=heads[0], text_heads=heads[1])
    config = config_of(geometry, activation)
    wanted = expected(config, alpha=ALPHA in state)
    if "logit_scale" in state:  # some programs save it as [1]
        state["logit_scale"] = state["logit_scale"].squeeze()
    account(state, wanted, source, prefix=prefix)
    return config, to_hugging_face(state)


def refuse_other_towers(state: Mapping[str, Tensor], source: Path) -> None:
    """Raise `UnsupportedModel` for towers whose names say that they are no ViT and transformer."""
    for start, what in (
        ("visual.layer1.", "a ResNet; only vision transformers run here"),
        ("visual.trunk.", "a timm model inside open_clip; only open_clip's own ViT is read"),
        ("text.", "a text tower of another kind (open_clip's CustomTextCLIP)"),
    ):
        if any(name.startswith(start) for name in state):
            raise UnsupportedModel(f"{source} holds {what}")


def geometry_of(state: Mapping[str, Tensor], source: Path, prefix: str = "") -> Geometry:
    """Sizes from shapes, as OpenAI's `build_model` reads them.

    Raises:
        BadCheckpoint: a weight that tells is missing, or the patches fill no square.
    """

    def shape(name: str, dimensions: int) -> torch.Size:
        if name not in state:
            raise BadCheckpoint(f"the weights in {source} do not fit: missing: {prefix}{name}")
        found = state[name].shape
        if len(found) != dimensions:
            raise BadCheckpoint(
                f"the weights in {source} do not fit: of another shape: {prefix}{name} "
                f"{list(found)} for {dimensions} dimensions"
            )
        return found

    vision_width, _, _, patch = shape(PATCH, 4)
    places = shape("visual.positional_embedding", 2)[0] - 1
    side = isqrt(places)
    if side * side != places or not side:
        raise BadCheckpoint(f"{source} has positions for {places} patches, which fill no square")
    context, text_width = shape("positional_embedding", 2)
    vision, text = "visual.transformer.resblocks.", "transformer.resblocks."
    return Geometry(
        embedding=shape("text_projection", 2)[1],
        image=side * patch,
        patch=patch,
        vision_width=vision_width,
        vision_layers=layers(state, vision),
        vision_heads=max(1, vision_width // HEAD),
        vision_hidden=shape(f"{vision}0.mlp.c_fc.weight", 2)[0],
        context=context,
        vocabulary=shape("token_embedding.weight", 2)[0],
        text_width=text_width,
        text_layers=layers(state, text),
        text_heads=max(1, text_width // HEAD),
        text_hidden=shape(f"{text}0.mlp.c_fc.weight", 2)[0],
    )


def layers(state: Mapping[str, Tensor], prefix: str) -> int:
    """How many layers a tower's names count."""
    numbers = (name.removeprefix(prefix).split(".")[0] for name in state if name.startswith(prefix))
    return max((int(number) + 1 for number in numbers if number.isdigit()), default=0)


def config_of(geometry: Geometry, activation: Activation) -> Any:
    """transformers' config of a CLIP of these sizes."""
    from transformers.models.clip.configuration_clip import CLIPConfig

    g = geometry
    vision = {
        "hidden_size": g.vision_width,
        "intermediate_size": g.vision_hidden,
        "num_hidden_layers": g.vision_layers,
        "num_attention_heads": g.vision_heads,
        "image_size": g.image,
        "patch_size": g.patch,
        "hidden_act": activation,
        "projection_dim": g.embedding,
    }
    text = {
        "hidden_size": g.text_width,
        "intermediate_size": g.text_hidden,
        "num_hidden_layers": g.text_layers,
        "num_attention_heads": g.text_heads,
        "max_position_embeddings": g.context,
        "vocab_size": g.vocabulary,
        "hidden_act": activation,
        "projection_dim": g.embedding,
        # begin and end are the last two of OpenAI's vocabulary: the end is the highest id
        "bos_token_id": g.vocabulary - 2,
        "eos_token_id": g.vocabulary - 1,
    }
    with quiet():
        return CLIPConfig(vision_config=vision, text_config=text, projection_dim=g.embedding)


def expected(config: Any, *, alpha: bool) -> dict[str, Tensor]:
    """Names and shapes, in OpenAI's form, of all the weights that a CLIP of this config has."""
    with torch.device("meta"), quiet():
        wanted = to_openai(build_backbone(config).state_dict())
    if alpha:
        wanted[ALPHA] = wanted[PATCH][:, :1]
    return wanted


def is_clip(state: Mapping[str, Tensor]) -> bool:
    """Are these OpenAI's names, of both towers?"""
    return "token_embedding.weight" in state and any(n.startswith("visual.") for n in state)


def check_width(config: Any, source: Path) -> None:
    """Refuse a width that OpenAI's CLIP never had, and whose heads cannot be told from shapes.

    open_clip's larger models (ViT-H, -g, -bigG) have heads of 80 to 104.

    Raises:
        UnsupportedModel: naming what would tell.
    """
    width = config.vision_config.hidden_size
    if width > WIDEST:
        raise UnsupportedModel(
            f"{source} has a vision tower {width} wide, which none of OpenAI's is: how many heads "
            "it has is not to be seen from the weights; hint: put its open_clip_config.json beside"
        )
