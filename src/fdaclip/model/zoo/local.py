"""What of a backbone is on this machine. Looks, and never touches the network."""

from __future__ import annotations

import json
from pathlib import Path

from .backbone import Backbone
from .reading import read_zoo

WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # in order of preference
INDEXES = tuple(f"{name}.index.json" for name in WEIGHTS)  # of weights in several files
CONFIG = "config.json"
# Of open_clip, in OpenAI's names
OPEN_CLIP_CONFIG = "open_clip_config.json"
OPEN_CLIP = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)

ZOO: tuple[Backbone, ...] = read_zoo()


def known(name: str) -> Backbone | None:
    """The backbone of this short name or hub id, if the zoo has it."""
    return next((b for b in ZOO if name and name in (b.name, b.hub_id)), None)


def at_hand(name: str | Path) -> Path | None:
    """What holds a model on this machine, or None.

    Args:
        name: a folder, a hub id, or a short name of the zoo.

    Returns:
        A folder; of a tower that was fetched by hand its file, if its base is here too.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder if holds_model(folder) else None
    backbone = known(str(name))
    if backbone is None:
        return cached(str(name))
    if backbone.by_hand:
        file = place_by_hand(backbone)
        return file if file.is_file() and at_hand(backbone.by_hand.base) else None
    return cached(backbone.hub_id) if backbone.hub_id else None


def place_by_hand(backbone: Backbone) -> Path:
    """Where the file of a tower that is fetched by hand is looked for."""
    from ..runtimes.folder import cache

    assert backbone.by_hand, f"{backbone.name} is on the hub"
    return cache() / "weights" / backbone.by_hand.file


def cached(hub_id: str) -> Path | None:
    """The hub cache's snapshot of this model, if its config and all its weights are in it."""
    for name in (CONFIG, OPEN_CLIP_CONFIG, *own_files()):
        file = cached_file(hub_id, name)
        if file and holds_model(file.parent):
            return file.parent
    return None


def cached_file(hub_id: str, name: str) -> Path | None:
    """One file of the hub cache's newest snapshot of a model, if it is there."""
    import huggingface_hub
    from huggingface_hub.errors import HFValidationError

    try:
        found = huggingface_hub.try_to_load_from_cache(hub_id, name)
    except HFValidationError:
        return None
    return Path(found) if isinstance(found, str) else None


def holds_model(folder: Path) -> bool:
    """Does a folder hold weights, all of them, and the config that they need?"""
    if holds_hugging_face(folder):
        return True
    weights = other_weights(folder)
    if weights is None:
        return False
    return weights.name not in OPEN_CLIP or (folder / OPEN_CLIP_CONFIG).is_file()


def holds_hugging_face(folder: Path) -> bool:
    """Does a folder hold a config and weights, all the shards if they are in several files?"""
    if not (folder / CONFIG).is_file():
        return False
    if any((folder / name).is_file() for name in WEIGHTS):
        return True
    return any(all(part.is_file() for part in shards(folder / name)) for name in INDEXES)


def other_weights(folder: Path) -> Path | None:
    """Weights in a folder that are not of Hugging Face's form: open_clip's, or of a zoo's name."""
    names = (*OPEN_CLIP, *own_files())
    return next((folder / name for name in names if (folder / name).is_file()), None)


def own_files() -> list[str]:
    """Names of weights files that only one backbone has."""
    return [b.weights for b in ZOO if b.weights]


def shards(index: Path) -> list[Path]:
    """An index of weights in several files, and those files; alone if it cannot be read."""
    try:
        files = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        return [index, *(index.with_name(Path(name).name) for name in sorted(set(files)))]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return [index]
