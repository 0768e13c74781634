"""CLIP4Clip: a fine-tuned CLIP, and in `seqTransf` a transformer over its frames.

Reference: github.com/ArrowLuo/CLIP4Clip, modules/modeling.py. `pytorch_model.bin.N` holds `clip.` +
OpenAI's names; with `--sim_header seqTransf` also `frame_position_embeddings.weight` and
`transformerClip.resblocks.N…`, which become our `temporal` head of the form `clip4clip`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import UnsupportedModel
from ..heads import HeadConfig, build_head
from .accounts import account
from .openai import layers, towers_of

CLIP = "clip."
POSITIONS = "frame_position_embeddings.weight"
BLOCKS = "transformerClip.resblocks."
NAMES = {
    "norm1": "ln_1.",
    "qkv": "attn.in_proj_",
    "proj": "attn.out_proj.",
    "norm2": "ln_2.",
    "fc1": "mlp.c_fc.",
    "fc2": "mlp.c_proj.",
}
OTHERS = {
    "lstm_visual.": "seqLSTM, a recurrent network over the frames",
    "cross.": "tightTransf, which must see the sentence while it encodes a video",
    "similarity_dense.": "tightTransf, which must see the sentence while it encodes a video",
    "clip.visual.conv2.": "the patches over three frames of --linear_patch 3d",
}


def is_clip4clip(state: Mapping[str, Tensor]) -> bool:
    """Are these its names?"""
    return any(name.startswith(CLIP) for name in state)


def read_clip4clip(
    state: Mapping[str, Tensor], source: Path
) -> tuple[Any, dict[str, Tensor], HeadConfig, dict[str, Tensor]]:
    """Its towers (config and weights, in Hugging Face's names) and its head (config and weights).

    Raises:
        UnsupportedModel: it has another head than meanP and seqTransf, or 3-d patches.
        BadCheckpoint: weights are missing, left over or misshapen; they are named.
    """
    for start, what in OTHERS.items():
        if any(name.startswith(start) for name in state):
            raise UnsupportedModel(
                f"{source} has {what}, which does not run here; meanP and seqTransf do"
            )
    towers = {name.removeprefix(CLIP): t for name, t in state.items() if name.startswith(CLIP)}
    config, clip = towers_of(towers, source, prefix=CLIP)
    rest = {name: tensor for name, tensor in state.items() if not name.startswith(CLIP)}
    if not rest:
        return config, clip, HeadConfig("mean"), {}
    frames = len(rest[POSITIONS]) if POSITIONS in rest else 1
    head = HeadConfig("temporal", max(1, layers(rest, BLOCKS)), frames, "clip4clip")
    with torch.device("meta"):
        wanted = build_head(config.projection_dim, head).state_dict()
    account(rest, {theirs(name): tensor for name, tensor in wanted.items()}, source)
    return config, clip, head, {name: rest[theirs(name)] for name in wanted}


def theirs(name: str) -> str:
    """CLIP4Clip's name of a weight of our head."""
    if name == "positions":
        return POSITIONS
    _, layer, part, kind = name.split(".")
    return f"{BLOCKS}{layer}.{NAMES[part]}{kind}"
