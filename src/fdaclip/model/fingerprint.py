"""The identity of a model: everything that decides a vector, and nothing else."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import torch
from torch import Tensor, nn

# What a config says beyond the shapes of the weights. A list of what counts rather than of what
# doesn't: a new version of transformers adds fields, and a library must not be lost by it.
DECISIVE = (
    "model_type",
    "hidden_act",
    "layer_norm_eps",
    "num_attention_heads",
    "num_hidden_layers",
    "image_size",
    "patch_size",
    "eos_token_id",
    "vision_use_head",
)


def fingerprint(state: dict[str, Tensor], configs: list[Any], settings: Any) -> str:
    """SHA-256, 64 hexadecimal digits.

    Args:
        state: all weights by name.
        configs: the towers' configs.
        settings: everything else, as JSON values.
    """
    digest = hashlib.sha256()
    said = [{name: getattr(c, name, None) for name in DECISIVE} for c in configs]
    digest.update(json.dumps([said, settings], sort_keys=True).encode())
    for name, tensor in sorted(state.items()):
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def versions(module: nn.Module) -> tuple[tuple[int, int, torch.dtype], ...]:
    """Changes whenever a parameter is replaced, written to or cast; costs next to nothing."""
    return tuple((id(p), p._version, p.dtype) for p in module.parameters())
