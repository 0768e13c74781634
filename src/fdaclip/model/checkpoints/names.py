"""OpenAI's names of CLIP's weights and Hugging Face's: the same numbers, both ways.

OpenAI's (clip/model.py) are also those of open_clip, and with small changes of Alpha-CLIP and
CLIP4Clip, and of Perception Encoder, which adds a pooling head. They differ in three things besides
names: query, key and value are one matrix there ([3D,D], in this order), the projections into the
shared space are transposed, and Alpha-CLIP's convolution over the mask stands beside the one over
the picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from re import fullmatch

import torch
from torch import Tensor

WHOLE = {
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "visual.ln_post.weight": "vision_model.post_layernorm.weight",
    "visual.ln_post.bias": "vision_model.post_layernorm.bias",
    "visual.proj": "visual_projection.weight",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "text_projection": "text_projection.weight",
    "logit_scale": "logit_scale",
}
POOL = {  # Perception Encoder's
    "attn_pool.probe": "head.probe",
    "attn_pool.attn.in_proj_weight": "head.attention.in_proj_weight",
    "attn_pool.attn.in_proj_bias": "head.attention.in_proj_bias",
    "attn_pool.attn.out_proj.weight": "head.attention.out_proj.weight",
    "attn_pool.attn.out_proj.bias": "head.attention.out_proj.bias",
    "attn_pool.layernorm.weight": "head.layernorm.weight",
    "attn_pool.layernorm.bias": "head.layernorm.bias",
    "attn_pool.mlp.c_fc.weight": "head.mlp.fc1.weight",
    "attn_pool.mlp.c_fc.bias": "head.mlp.fc1.bias",
    "attn_pool.mlp.c_proj.weight": "head.mlp.fc2.weight",
    "attn_pool.mlp.c_proj.bias": "head.mlp.fc2.bias",
}
WHOLE |= {f"visual.{theirs}": f"vision_model.{ours}" for theirs, ours in POOL.items()}
BLOCK = {
    "ln_1": "layer_norm1",
    "attn.out_proj": "self_attn.out_proj",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
TOWERS = {
    "visual.transformer.resblocks": "vision_model.encoder.layers",
    "transformer.resblocks": "text_model.encoder.layers",
}
TRANSPOSED = ("visual.proj", "text_projection")
ALPHA = "visual.conv1_alpha.weight"
PATCH = "visual.conv1.weight"
QKV = ("q_proj", "k_proj", "v_proj")


def to_hugging_face(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights in OpenAI's names, all of them known ones, in Hugging Face's.

    Those of `conv1_alpha` become the fourth channel of the patch convolution.
    """
    renamed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if name == ALPHA:
            continue
        if name == PATCH and ALPHA in state:
            tensor = torch.cat([tensor, state[ALPHA]], 1)  # [D,4,P,P]
        if name in WHOLE:
            renamed[WHOLE[name]] = tensor.T.contiguous() if name in TRANSPOSED else tensor
            continue
        tower, layer, part, kind = split(name)
        place = f"{TOWERS[tower]}.{layer}"
        if part == "attn.in_proj":
            for own, third in zip(QKV, tensor.chunk(3), strict=True):
                renamed[f"{place}.self_attn.{own}.{kind}"] = third.clone()
        else:
            renamed[f"{place}.{BLOCK[part]}.{kind}"] = tensor
    return renamed


def to_openai(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights in Hugging Face's names in OpenAI's; the inverse of `to_hugging_face`.

    A patch convolution of four channels gives `conv1_alpha` as well.
    """
    back = {new: old for old, new in WHOLE.items()}
    parts = {new: old for old, new in BLOCK.items()}
    towers = {new: old for old, new in TOWERS.items()}
    renamed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if name in back:
            old = back[name]
            renamed[old] = tensor.T.contiguous() if old in TRANSPOSED else tensor
            if old == PATCH and tensor.shape[1] == 4:
                renamed[old] = tensor[:, :3].contiguous()
                renamed[ALPHA] = tensor[:, 3:].contiguous()
            continue
        found = fullmatch(r"(\w+\.encoder\.layers)\.(\d+)\.(.+)\.(weight|bias)", name)
        assert found, f"{name} is no weight of CLIP"
        tower, layer, part, kind = found.groups()
        place = f"{towers[tower]}.{layer}"
        if part == f"self_attn.{QKV[0]}":
            thirds = [state[f"{tower}.{layer}.self_attn.{own}.{kind}"] for own in QKV]
            renamed[f"{place}.attn.in_proj_{kind}"] = torch.cat(thirds)
        elif part not in (f"self_attn.{QKV[1]}", f"self_attn.{QKV[2]}"):
            renamed[f"{place}.{parts[part]}.{kind}"] = tensor
    return renamed


def split(name: str) -> tuple[str, str, str, str]:
    """A layer's weight in OpenAI's names: tower, number, part, and `weight` or `bias`."""
    found = fullmatch(r"((?:visual\.)?transformer\.resblocks)\.(\d+)\.(.+)[._](weight|bias)", name)
    assert found, f"{name} is no weight of CLIP"
    tower, layer, part, kind = found.groups()
    return tower, layer, part, kind
