"""Hugging Face folders: a plain dual encoder, or an FDA-CLIP as we save it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save_file
from torch import Tensor

from ..backbone import KINDS, config_class, quiet
from ..errors import BadCheckpoint, UnsupportedModel
from ..preprocess import Preprocess
from ..settings import Settings
from ..tokens import Tokens, read_tokens
from ..zoo import CONFIG, INDEXES, WEIGHTS, shards
from .files import read_weights
from .parts import Parts

if TYPE_CHECKING:
    from ..backbone import Backbone

HEAD = "head.safetensors"


def read_folder(folder: Path) -> Parts:
    """A folder as transformers or `FDACLIP.save_pretrained` writes it.

    Raises:
        BadCheckpoint: files are missing or damaged.
        UnsupportedModel: its architecture or preprocessing does not run here.
    """
    settings = Settings.read(folder)
    preprocess = Preprocess.read(folder)
    config = read_config(folder)
    head = folder / HEAD
    return Parts(
        format="Hugging Face" if settings is None else "FDA-CLIP",
        source=folder,
        config=config,
        state=all_weights(folder),
        preprocess=preprocess,
        tokens=tokens_of(config, folder),
        settings=settings or Settings(),
        head=read_weights(head).state if head.is_file() else None,
    )


def read_config(folder: Path) -> Any:
    """The config in a folder, its vision tower told to have three channels.

    Raises:
        BadCheckpoint: there is none that can be read.
        UnsupportedModel: it is of an architecture that does not run here.
    """
    path = folder / CONFIG
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        kind = found.get("model_type")
        if kind not in KINDS:
            raise UnsupportedModel(f"{path} is of type {kind!r}; {', '.join(KINDS)} run here")
        for part in (found, found.get("text_config") or {}, found.get("vision_config") or {}):
            part.pop("dtype", None)  # float32, whatever the file was saved in
            part.pop("torch_dtype", None)
        with quiet():
            config: Any = config_class(kind).from_dict(found)
        channels = config.vision_config.num_channels
        if channels not in (3, 4):
            raise UnsupportedModel(f"{path} has {channels} channels; RGB and RGBA run here")
        config.vision_config.num_channels = 3
        return config
    except UnsupportedModel:
        raise
    except Exception as error:  # transformers raises many kinds for a wrong config
        raise BadCheckpoint(f"{path} cannot be read: {error}") from error


def all_weights(folder: Path) -> dict[str, Tensor]:
    """All the weights in a folder, in one file or several.

    Raises:
        BadCheckpoint: there are none, or they are damaged.
    """
    for name in WEIGHTS:
        if (folder / name).is_file():
            return read_weights(folder / name).state
    for name in INDEXES:
        index = folder / name
        if index.is_file():
            state: dict[str, Tensor] = {}
            for shard in shards(index)[1:]:
                state |= read_weights(shard).state
            if not state:
                raise BadCheckpoint(f"{index} cannot be read: it names no files")
            return state
    raise BadCheckpoint(f"{folder} holds no weights: none of {', '.join(WEIGHTS)}")


def tokens_of(config: Any, folder: Path) -> Tokens:
    """The tokenizer in a backbone's folder, padding as its text tower was trained to."""
    text = config.text_config
    siglip = config.model_type == "siglip"
    # CLIP's text tower is causal and read at the first end token: padding may be anything but that.
    pad_id = int(text.pad_token_id) if siglip else 0
    return read_tokens(folder, text.max_position_embeddings, pad_id, fixed=siglip)


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
