"""A dual encoder's folder is read and written, every weight accounted for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .errors import BadCheckpoint, UnsupportedModel
from .patch import Guidance, RGBAPatchEmbedding
from .zoo import CONFIG, INDEXES, WEIGHTS, shards

if TYPE_CHECKING:
    from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

    Backbone = CLIPModel | SiglipModel

HEAD = "head.safetensors"


def widen(backbone: Backbone, guidance: Guidance) -> None:
    """Give a three-channel dual encoder its alpha channel, zero at first, in place."""
    embeddings: Any = backbone.vision_model.embeddings
    embeddings.patch_embedding = RGBAPatchEmbedding(embeddings.patch_embedding, guidance)
    for config in (towers(backbone)[0], backbone.vision_model.config):
        config.num_channels = 4


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


def towers(backbone: Backbone) -> tuple[Any, Any]:
    """The configs of the vision and the text tower."""
    return backbone.config.vision_config, backbone.config.text_config


def read_config(folder: Path) -> CLIPConfig | SiglipConfig:
    """The config in a folder, its vision tower told to have three channels.

    Raises:
        BadCheckpoint: there is none that can be read.
        UnsupportedModel: it is of an architecture that does not run here.
    """
    from transformers.models.clip.configuration_clip import CLIPConfig
    from transformers.models.siglip.configuration_siglip import SiglipConfig

    path = folder / CONFIG
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        kind = found.get("model_type")
        if kind not in ("clip", "siglip"):
            raise UnsupportedModel(f"{path} is of type {kind!r}; clip and siglip run here")
        for part in (found, found.get("text_config") or {}, found.get("vision_config") or {}):
            part.pop("dtype", None)  # float32, whatever the file was saved in
            part.pop("torch_dtype", None)
        config: Any = (CLIPConfig if kind == "clip" else SiglipConfig).from_dict(found)
        channels = config.vision_config.num_channels
        if channels not in (3, 4):
            raise UnsupportedModel(f"{path} has {channels} channels; RGB and RGBA run here")
        config.vision_config.num_channels = 3
        return config  # type: ignore[no-any-return]
    except UnsupportedModel:
        raise
    except Exception as error:  # transformers raises many kinds for a wrong config
        raise BadCheckpoint(f"{path} cannot be read: {error}") from error


def build_backbone(config: Any) -> Backbone:
    """The model of a CLIP or SigLIP config, freshly initialised from torch's random generator."""
    if config.model_type == "clip":
        from transformers.models.clip.modeling_clip import CLIPModel

        return CLIPModel(config)
    from transformers.models.siglip.modeling_siglip import SiglipModel

    return SiglipModel(config)


def read_backbone(folder: Path, guidance: Guidance) -> Backbone:
    """The RGBA dual encoder of a folder, three- or four-channel, in float32.

    Raises:
        BadCheckpoint: the weights are damaged, or not those of the config; they are named.
        UnsupportedModel: see `read_config`.
    """
    from transformers.initialization import no_init_weights

    with quiet(), no_init_weights():
        backbone = build_backbone(read_config(folder))
    widen(backbone, guidance)
    load_exactly(backbone, read_weights(folder), folder)
    return backbone


def read_weights(folder: Path) -> dict[str, Tensor]:
    """All the weights in a folder. Pickled ones are read with `weights_only=True`.

    Raises:
        BadCheckpoint: there are none, or they are damaged.
    """
    path = folder
    try:
        for name in WEIGHTS:
            path = folder / name
            if path.is_file():
                return read_file(path)
        for name in INDEXES:
            path = folder / name
            if path.is_file():
                state: dict[str, Tensor] = {}
                for shard in shards(path)[1:]:
                    state |= read_file(shard)
                return state
    except Exception as error:  # safetensors, pickle and zip each have their own errors
        why = str(error).strip().splitlines()
        raise BadCheckpoint(f"{path} cannot be read: {why[0] if why else error!r}") from error
    raise BadCheckpoint(f"{folder} holds no weights: none of {', '.join(WEIGHTS)}")


def read_file(path: Path) -> dict[str, Tensor]:
    """One file of weights by name."""
    if path.suffix == ".safetensors":
        return load_file(path)
    state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, dict):
        raise ValueError("it holds no weights by name")
    return state


def load_exactly(module: nn.Module, state: dict[str, Tensor], source: Path) -> None:
    """Load weights of which none is missing, left over or of another shape.

    Position ids, which older versions of transformers saved and newer ones count out, may be there.

    Raises:
        BadCheckpoint: naming the keys.
    """
    state = {name: t for name, t in state.items() if not name.endswith(".position_ids")}
    wanted = module.state_dict()
    wrong = [
        f"{name} {list(state[name].shape)} for {list(wanted[name].shape)}"
        for name in wanted.keys() & state.keys()
        if not fits(name, state[name], wanted[name])
    ]
    problems = [
        f"{what}: {', '.join(sorted(names)[:8])}{' …' if len(names) > 8 else ''}"
        for what, names in (
            ("missing", list(wanted.keys() - state.keys())),
            ("left over", list(state.keys() - wanted.keys())),
            ("of another shape", wrong),
        )
        if names
    ]
    if problems:
        raise BadCheckpoint(f"the weights in {source} do not fit: {'; '.join(problems)}")
    module.load_state_dict(state)


def fits(name: str, found: Tensor, wanted: Tensor) -> bool:
    """Is a weight of the wanted shape, or a three-channel patch convolution to be widened?"""
    if name.endswith("patch_embedding.weight") and wanted.ndim == 4 and found.ndim == 4:
        return found.shape[1] in (3, 4) and (
            found.shape[0] == wanted.shape[0] and found.shape[2:] == wanted.shape[2:]
        )
    return found.shape == wanted.shape


def read_head(head: nn.Module, folder: Path) -> None:
    """Load the head's weights, if it has any.

    Raises:
        BadCheckpoint: they are missing, damaged or of another head.
    """
    path = folder / HEAD
    if not head.state_dict():
        return
    try:
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise BadCheckpoint(f"{path} cannot be read: {error}") from error
    load_exactly(head, state, path)


def write_state(state: dict[str, Tensor], path: Path) -> None:
    """As safetensors, beside a config already written."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    save_file(tensors, path, metadata={"format": "pt"})
    shutil.copymode(path.with_name(CONFIG), path)  # safetensors leaves it to its owner alone


def write_config(backbone: Backbone, folder: Path) -> None:
    """As config.json, of the class that transformers' own `from_pretrained` builds."""
    config = backbone.config.to_dict()
    config["architectures"] = [type(backbone).__name__]
    config.pop("_name_or_path", None)
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (folder / CONFIG).write_text(text, encoding="utf-8")
