"""Known backbones, and what of them is on this machine. Never touches the network."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # in order of preference
INDEXES = tuple(f"{name}.index.json" for name in WEIGHTS)  # of weights in several files
CONFIG = "config.json"


@dataclass(frozen=True)
class Backbone:
    """A dual encoder that FDA-CLIP can stand on.

    Attributes:
        name: short name, accepted wherever a hub id is.
        hub_id: on huggingface.co.
        parameters: numbers held by both towers, counted from the architecture.
        licence: of the weights, as their publishers state it.
        image_size: side of the square seen, px.
        patch: side of a patch, px.
        embedding: length of a vector.
        notes: what one should know before choosing it.
    """

    name: str
    hub_id: str
    parameters: int
    licence: str
    image_size: int
    patch: int
    embedding: int
    notes: str

    @property
    def download_bytes(self) -> int:
        """Size of the weights file in bytes, about: four bytes a parameter, without its header.

        One weights file is fetched (safetensors where the hub has it); config and tokenizer add a
        few megabytes.
        """
        return 4 * self.parameters


MIT = "MIT (OpenAI's CLIP repository)"
ZOO: tuple[Backbone, ...] = (
    Backbone(
        "clip-b32",
        "openai/clip-vit-base-patch32",
        151_277_313,
        MIT,
        224,
        32,
        512,
        "the default: fastest, and the size of CLIP that most published figures are for",
    ),
    Backbone(
        "clip-b16",
        "openai/clip-vit-base-patch16",
        149_620_737,
        MIT,
        224,
        16,
        512,
        "four times the patches of B/32 and about four times its time",
    ),
    Backbone(
        "clip-l14",
        "openai/clip-vit-large-patch14",
        427_616_513,
        MIT,
        224,
        14,
        768,
        "better and slow without a GPU",
    ),
    Backbone(
        "clip-l14-336",
        "openai/clip-vit-large-patch14-336",
        427_944_193,
        MIT,
        336,
        14,
        768,
        "as L/14, at 336 px",
    ),
    Backbone(
        "laion-b32",
        "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        151_277_313,
        "MIT",
        224,
        32,
        512,
        "as B/32, trained on LAION-2B with open_clip; activation GELU",
    ),
    Backbone(
        "siglip-b16",
        "google/siglip-base-patch16-224",
        203_155_970,
        "Apache-2.0",
        224,
        16,
        768,
        "sigmoid loss; resizes to a square; sentences always padded to 64 tokens",
    ),
)


def known(name: str) -> Backbone | None:
    """The backbone of this short name or hub id, if the zoo has it."""
    return next((b for b in ZOO if name in (b.name, b.hub_id)), None)


def at_hand(name: str | Path) -> Path | None:
    """The folder that holds a model on this machine, or None. Looks, and fetches nothing.

    Args:
        name: a folder, a hub id, or a short name of the zoo.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder if holds_model(folder) else None
    backbone = known(str(name))
    return cached(backbone.hub_id if backbone else str(name))


def cached(hub_id: str) -> Path | None:
    """The hub cache's snapshot of this model, if its config and all its weights are in it."""
    import huggingface_hub
    from huggingface_hub.errors import HFValidationError

    try:
        config = huggingface_hub.try_to_load_from_cache(hub_id, CONFIG)
    except HFValidationError:
        return None
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    return folder if holds_model(folder) else None


def holds_model(folder: Path) -> bool:
    """Does a folder hold a config and weights, all the shards if they are in several files?"""
    if not (folder / CONFIG).is_file():
        return False
    if any((folder / name).is_file() for name in WEIGHTS):
        return True
    return any(all(part.is_file() for part in shards(folder / name)) for name in INDEXES)


def shards(index: Path) -> list[Path]:
    """An index of weights in several files, and those files; alone if it cannot be read."""
    try:
        files = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        return [index, *(index.with_name(Path(name).name) for name in sorted(set(files)))]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return [index]
