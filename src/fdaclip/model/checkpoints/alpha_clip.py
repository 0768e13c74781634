"""Alpha-CLIP: a vision tower with a convolution over the mask; text comes from OpenAI's CLIP.

Reference: github.com/SunzeY/AlphaCLIP, alpha_clip/model.py (Sun et al. 2024, section 3.2). A `.pth`
holds the state dict of `model.visual`: OpenAI's names without `visual.`, `conv1_alpha.weight`
[D,1,P,P], and the joint projection as a module, `attn.in_proj.{weight,bias}`. With `lora_adapt` the
adapters of Microsoft's loralib stand beside the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ..errors import BadCheckpoint, UnsupportedModel
from .accounts import account
from .files import Weights
from .names import ALPHA, to_hugging_face
from .openai import expected
from .parts import Parts

VISUAL = "visual."
LORA = (".lora_A", ".lora_B")


def is_vision_tower(state: Mapping[str, Tensor]) -> bool:
    """Is it a vision tower alone, as Alpha-CLIP saves it?"""
    return "conv1_alpha.weight" in state and "token_embedding.weight" not in state


def as_openai(state: Mapping[str, Tensor], source: Path) -> dict[str, Tensor]:
    """Alpha-CLIP's names as OpenAI's, adapters added to the weights beside them.

    Raises:
        BadCheckpoint: half of an adapter is missing, or it does not fit its weight.
    """
    folded = {name: tensor.float() for name, tensor in state.items() if not name.endswith(LORA)}
    for name, a in state.items():
        if not name.endswith(LORA):
            continue
        layer = name.rpartition(".")[0]
        pair = [state.get(f"{layer}{end}") for end in LORA]
        if pair[0] is None or pair[1] is None or f"{layer}.weight" not in state:
            raise BadCheckpoint(f"{source} holds {name}, but not all of its adapter and weight")
        if a is pair[0]:
            folded[f"{layer}.weight"] += delta(layer, pair[0].float(), pair[1].float(), folded)
    return {
        name.replace(".attn.in_proj.weight", ".attn.in_proj_weight").replace(
            ".attn.in_proj.bias", ".attn.in_proj_bias"
        ): tensor
        for name, tensor in folded.items()
    }


def delta(layer: str, a: Tensor, b: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    """What an adapter adds to its weight: B·A/r, as loralib with its default `lora_alpha` of 1.

    Alpha-CLIP adapts query and value of the joint projection, not the key (`enable_lora=[True,
    False, True]`): A is [2r,D] and B [2D,r] there, a pair of each for the two.

    Raises:
        BadCheckpoint: the shapes do not fit.
    """
    weight, rank = state[f"{layer}.weight"], b.shape[1]
    try:
        if not layer.endswith("attn.in_proj"):
            added = b @ a / rank
        else:
            of_query, of_value = (
                half_b @ half_a / rank
                for half_a, half_b in zip(torch.split(a, rank), b.chunk(2), strict=True)
            )
            added = torch.cat([of_query, torch.zeros_like(of_query), of_value])
        return added.view_as(weight)
    except (RuntimeError, ValueError) as error:
        raise BadCheckpoint(
            f"the adapter of {layer} does not fit: {list(a.shape)} and {list(b.shape)} for "
            f"{list(weight.shape)}"
        ) from error


def with_vision_tower(base: Parts, weights: Weights, source: Path) -> Parts:
    """A CLIP with its vision tower replaced by Alpha-CLIP's.

    Args:
        base: the CLIP that the tower was trained beside; its text tower is kept.
        weights: of the `.pth`.
        source: its path.

    Raises:
        UnsupportedModel: the base is no CLIP with QuickGELU, which Alpha-CLIP has.
        BadCheckpoint: weights are missing, left over, or of another size than the base's; named.
    """
    if base.config.model_type != "clip":
        raise UnsupportedModel(f"{source} goes with a CLIP, and {base.source} is none")
    if base.config.vision_config.hidden_act != "quick_gelu":
        raise UnsupportedModel(
            f"{source} has QuickGELU, as OpenAI's CLIP that it was made from; {base.source} has "
            f"{base.config.vision_config.hidden_act}: give the CLIP of OpenAI"
        )
    if not is_vision_tower(weights.state):
        raise BadCheckpoint(f"{source} is no vision tower of Alpha-CLIP: no conv1_alpha.weight")
    tower = {VISUAL + name: t for name, t in as_openai(weights.state, source).items()}
    wanted = expected(base.config, alpha=True)
    wanted = {name: tensor for name, tensor in wanted.items() if name.startswith(VISUAL)}
    try:
        account(
            {theirs(name): tensor for name, tensor in tower.items()},
            {theirs(name): tensor for name, tensor in wanted.items()},
            source,
        )
    except BadCheckpoint as error:
        raise BadCheckpoint(f"{error}; its base {base.source} is {size(base)}") from error
    assert ALPHA in tower
    remarks = [*base.remarks, f"text tower, tokenizer and preprocessing from {base.source}"]
    form = "Alpha-CLIP"
    if any(name.endswith(LORA) for name in weights.state):
        form += ", adapters merged"
        remarks.append("adapters merged as its training has them; its own load leaves them out")
    state = base.state | to_hugging_face(tower)
    return replace(base, format=form, source=source, state=state, remarks=tuple(remarks))


def theirs(name: str) -> str:
    """Alpha-CLIP's name of a weight of OpenAI's vision tower."""
    return name.removeprefix(VISUAL).replace(".attn.in_proj_", ".attn.in_proj.")


def size(parts: Parts) -> str:
    """Such as ``ViT 768 wide, 12 layers, patch 16, 224 px``."""
    vision = parts.config.vision_config
    return (
        f"a ViT {vision.hidden_size} wide, {vision.num_hidden_layers} layers, "
        f"patch {vision.patch_size}, {vision.image_size} px"
    )
