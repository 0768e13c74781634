"""Weights by name from one file, whatever it is packed in; nothing in it is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from ..errors import BadCheckpoint
from .archive import is_archive, read_archive

# Where training programs put the weights among other things: open_clip, and many others.
INSIDE = ("state_dict", "model_state_dict", "model", "weights")


@dataclass(frozen=True)
class Weights:
    """What a file holds.

    Attributes:
        state: the weights by name, without the `module.` of a distributed run.
        archive: it is a TorchScript archive.
        inside: they stood among other things, as a training program saves them.
    """

    state: dict[str, Tensor]
    archive: bool = False
    inside: bool = False


def read_weights(path: Path) -> Weights:
    """The weights in a safetensors file, a TorchScript archive or a pickled state dict.

    Raises:
        BadCheckpoint: it is damaged, holds no weights, or things that are not read from files of
            unknown origin (pickles are read with `weights_only=True`).
    """
    try:
        if path.suffix == ".safetensors":
            return Weights(load_file(path))
        if is_archive(path):
            return Weights(read_archive(path), archive=True)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # safetensors, pickle and zip each have their own errors
        why = str(error).strip().splitlines()
        raise BadCheckpoint(f"{path} cannot be read: {why[0] if why else error!r}") from error
    inside = next((key for key in INSIDE if is_state(mapping(found).get(key))), None)
    if inside:
        return Weights(plain_names(found[inside]), inside=True)
    if not is_state(found):
        raise BadCheckpoint(f"{path} holds no weights by name, but {contents(found)}")
    return Weights(plain_names(found))


def mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def is_state(value: Any) -> bool:
    """Does it map names to tensors?"""
    return bool(mapping(value)) and all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in value.items()
    )


def plain_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without the `module.` that DistributedDataParallel puts before every name."""
    distributed = all(name.startswith("module.") for name in state)
    return {name.removeprefix("module.") if distributed else name: t for name, t in state.items()}


def contents(found: Any) -> str:
    """What a file holds instead, for people."""
    names = [str(name) for name in mapping(found)][:6]
    return ", ".join(names) or type(found).__name__
