"""Writing a model: as a Hugging Face folder, or as OpenAI's state dict."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from ..backbone import towers
from ..errors import UnsupportedModel
from ..freezing import folded_state
from ..preprocess import ALPHA_MEAN, ALPHA_STD
from ..preprocess import FILES as PREPROCESS_FILES
from ..settings import FILE as SETTINGS_FILE
from ..tokens import FILES as TOKENIZER_FILES
from ..whole import whole_folder
from ..zoo import CONFIG, WEIGHTS
from .card import CARD, card
from .folder import HEAD, write_config, write_state
from .names import ALPHA, to_openai

if TYPE_CHECKING:
    from ..fdaclip import FDACLIP

Mask = Literal["keep", "ones"]
SAVED = frozenset(
    {CONFIG, WEIGHTS[0], HEAD, SETTINGS_FILE, CARD, PREPROCESS_FILES[0], *TOKENIZER_FILES}
)


def write_folder(model: FDACLIP, folder: Path, results: Sequence[dict[str, Any]]) -> None:
    """See `FDACLIP.save_pretrained`."""
    refuse_foreign(folder.expanduser())
    with whole_folder(folder) as fresh:
        write_config(model.backbone, fresh)
        write_state(folded_state(model.backbone), fresh / WEIGHTS[0])
        if head := model.head.state_dict():
            write_state(head, fresh / HEAD)
        model.tokens.write(fresh)
        model.preprocess.write(fresh)
        model.settings.write(fresh)
        (fresh / CARD).write_text(card(model, results), encoding="utf-8")


def refuse_foreign(folder: Path) -> None:
    """Raise `FileExistsError` if replacing this folder would lose what no model saves."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; a model is saved as a folder")
    others = sorted(entry.name for entry in folder.iterdir() if entry.name not in SAVED)
    if others:
        raise FileExistsError(
            f"{folder} holds {', '.join(others[:4])}{' …' if len(others) > 4 else ''}, which no "
            "saved model does; hint: save into a folder of its own"
        )


def write_openai(model: FDACLIP, path: Path, mask: Mask) -> None:
    """See `FDACLIP.save_openai`."""
    if mask not in ("keep", "ones"):
        raise ValueError(f"mask must be keep or ones, not {mask!r}")
    refuse_what_is_lost(model)
    state = to_openai(folded_state(model.backbone))
    alpha = state.pop(ALPHA)
    if model.guidance == "alpha" and alpha.any():
        if mask == "keep":
            state[ALPHA] = alpha
        else:
            level = (1.0 - ALPHA_MEAN) / ALPHA_STD
            positions = state["visual.positional_embedding"].clone()
            positions[1:] += level * alpha.sum((1, 2, 3))  # row 0 is the class token
            state["visual.positional_embedding"] = positions
    vision, text = towers(model.backbone)
    sizes = {
        "input_resolution": vision.image_size,
        "context_length": text.max_position_embeddings,
        "vocab_size": text.vocab_size,
    }
    state |= {name: torch.tensor(size) for name, size in sizes.items()}
    # A copy of each: a view would be written with all that it is a view of.
    tensors = {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
    write_whole(path.expanduser(), lambda fresh: torch.save(tensors, fresh))


def refuse_what_is_lost(model: FDACLIP) -> None:
    """Raise `UnsupportedModel` for what OpenAI's form has no place for."""
    vision, text = towers(model.backbone)
    problem = None
    if model.backbone.config.model_type != "clip":
        problem = f"it is a {model.backbone.config.model_type}"
    elif model.settings.head.kind != "mean":
        problem = f"its head is {model.settings.head.kind}"
    elif {vision.hidden_act, text.hidden_act} != {"quick_gelu"}:
        problem = f"its activation is {vision.hidden_act}, there it is QuickGELU"
    elif any(tower.num_attention_heads != tower.hidden_size // 64 for tower in (vision, text)):
        problem = "its attention heads are not 64 wide"
    elif model.tokens.ids([""])[0][-1] != text.vocab_size - 1:
        problem = "its end token is not the last of its vocabulary, where sentences are read there"
    if problem:
        raise UnsupportedModel(
            f"OpenAI's form cannot hold this model: {problem}; hint: a Hugging Face folder can"
        )


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """A file under another name, flushed to the disk and renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.new")
    try:
        write(fresh)
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
