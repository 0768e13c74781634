"""Which form a checkpoint has, and reading it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from ..errors import BadCheckpoint, ModelNotFound
from ..heads import HeadConfig
from ..hub import locate
from ..preprocess import FILES as PREPROCESS_FILES
from ..preprocess import Preprocess
from ..settings import Settings
from ..zoo import OPEN_CLIP, OPEN_CLIP_CONFIG, at_hand, holds_hugging_face, known, other_weights
from . import open_clip
from .accounts import listed
from .alpha_clip import as_openai, is_vision_tower, with_vision_tower
from .clip4clip import is_clip4clip, read_clip4clip
from .files import Weights, read_weights
from .folder import read_folder
from .names import ALPHA
from .openai import SIZES, Activation, check_width, is_clip, towers_of
from .parts import Parts
from .perception import is_perception, preprocessing, read_perception
from .vocabulary import find_tokens

SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".safetensors")
# Alpha-CLIP's towers by patch and image size, and the CLIP that each was made from.
OF_OPENAI = {
    (32, 224): "clip-b32",
    (16, 224): "clip-b16",
    (14, 224): "clip-l14",
    (14, 336): "clip-l14-336",
}


def read(
    name: str | Path,
    *,
    download: bool = False,
    base: str | Path | None = None,
    alpha: str | Path | None = None,
    activation: Activation | None = None,
) -> Parts:
    """A checkpoint of any form. See `FDACLIP.from_pretrained` for the arguments and errors."""
    if alpha is not None:
        source = Path(alpha).expanduser()
        if not source.is_file():
            raise ModelNotFound(f"{source}: there is no such file")
        beside = read(name, download=download, base=base, activation=activation)
        return with_vision_tower(beside, read_weights(source), source)
    source = file_of(Path(name).expanduser())
    if not source.is_file():
        if any(suffix in SUFFIXES for suffix in source.suffixes):
            raise ModelNotFound(f"{source}: there is no such file")
        place = locate(name, download)
        if holds_hugging_face(place):
            return read_folder(place)
        source = file_of(place)
        backbone = known(str(name))
        if base is None and backbone and backbone.by_hand:
            base = backbone.by_hand.base
    weights = read_weights(source)
    if is_vision_tower(weights.state):
        beside = read(base or base_of(weights, source), download=download, activation=activation)
        return with_vision_tower(beside, weights, source)
    where = locate(base, download) if base is not None else None
    return read_file(source, weights, where, activation)


def file_of(path: Path) -> Path:
    """The weights in a folder that is not of Hugging Face's form; else the path itself."""
    if path.is_dir() and not holds_hugging_face(path):
        return other_weights(path) or path
    return path


def base_of(weights: Weights, source: Path) -> str:
    """The CLIP that an Alpha-CLIP tower was made from, if it is on this machine.

    Raises:
        ModelNotFound: it is not, or is not known; the message says what to give.
    """
    patch = weights.state["conv1_alpha.weight"].shape[-1]
    places = weights.state.get("positional_embedding")
    size = patch * round((len(places) - 1) ** 0.5) if places is not None else 0
    wanted = OF_OPENAI.get((patch, size))
    if wanted and at_hand(wanted):
        return wanted
    which = f"OpenAI's, here {wanted}" if wanted else "the one that it was trained beside"
    raise ModelNotFound(
        f"{source} is a vision tower of Alpha-CLIP, alone: the text tower is its CLIP's ({which}); "
        "hint: give that CLIP as base, a name, folder or file"
    )


class Read(NamedTuple):
    """Both towers of a file, and what it says besides."""

    format: str
    config: Any
    state: dict[str, Tensor]
    preprocess: Preprocess | None = None
    head: HeadConfig = HeadConfig()
    head_state: dict[str, Tensor] | None = None
    remarks: tuple[str, ...] = ()


def read_file(
    source: Path, weights: Weights, base: Path | None, activation: Activation | None
) -> Parts:
    """Both towers from one file of OpenAI's names, CLIP4Clip's, or Perception Encoder's.

    Args:
        base: a folder to take the tokenizer from.
    """
    if is_clip4clip(weights.state):
        config, state, head, head_state = read_clip4clip(weights.state, source)
        name = "seqTransf" if head_state else "meanP"
        found = Read(f"CLIP4Clip, {name}", config, state, None, head, head_state)
    elif is_perception(weights.state):
        config, state = read_perception(weights.state, source)
        size = config.vision_config.image_size
        found = Read("Perception Encoder", config, state, preprocessing(size))
    elif is_clip(weights.state):
        found = read_clip(source, weights, activation)
    else:
        raise unknown(source, weights)
    vision, text = found.config.vision_config, found.config.text_config
    if any((source.with_name(name)).is_file() for name in PREPROCESS_FILES):
        preprocess = Preprocess.read(source.parent)
    else:
        preprocess = found.preprocess or Preprocess(vision.image_size)
    tokens, where = find_tokens(source, base, text.max_position_embeddings, text.vocab_size)
    return Parts(
        format=found.format,
        source=source,
        config=found.config,
        state=found.state,
        preprocess=preprocess,
        tokens=tokens,
        settings=Settings(head=found.head),
        head=found.head_state,
        remarks=(*found.remarks, f"tokenizer from {where}"),
    )


def read_clip(source: Path, weights: Weights, activation: Activation | None) -> Read:
    """A CLIP in OpenAI's names: OpenAI's own, open_clip's, or Alpha-CLIP's with its text tower."""
    state, remarks = weights.state, list[str]()
    if ALPHA in state:
        state = as_openai(state, source)
    said_by = source.with_name(OPEN_CLIP_CONFIG)
    if said_by.is_file():
        said = open_clip.read_config(said_by)
        config, towers = towers_of(
            state,
            source,
            activation=activation or said.activation,
            heads=(said.vision_heads, said.text_heads),
        )
        open_clip.check_sizes(said, config, source)
        return Read("open_clip", config, towers, said.preprocess)
    published = weights.archive or any(name in state for name in SIZES) or ALPHA in state
    if activation is None and not published:
        if weights.inside or source.name in OPEN_CLIP:
            raise BadCheckpoint(
                f"{source} is open_clip's and does not say which activation it was trained with; "
                f"hint: put its {OPEN_CLIP_CONFIG} beside, or give the activation: gelu (most of "
                "its models) or quick_gelu (those named so, and what was made from OpenAI's)"
            )
        remarks.append("taken for OpenAI's: QuickGELU, heads of 64")
    config, towers = towers_of(state, source, activation=activation or "quick_gelu")
    check_width(config, source)
    form = "Alpha-CLIP with its text tower" if ALPHA in state else "OpenAI"
    form += ", TorchScript archive" if weights.archive else ""
    return Read(form, config, towers, remarks=tuple(remarks))


def unknown(source: Path, weights: Weights) -> BadCheckpoint:
    """The error for weights of no known form."""
    if any(name.startswith("vision_model.") for name in weights.state):
        return BadCheckpoint(f"{source} is of Hugging Face's form; hint: give its folder")
    return BadCheckpoint(
        f"{source} is of no known form (Hugging Face, OpenAI, open_clip, Alpha-CLIP, CLIP4Clip, "
        f"Perception Encoder); it holds {listed(weights.state)}"
    )
