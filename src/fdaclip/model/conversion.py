"""A checkpoint of any form becomes a Hugging Face folder or OpenAI's state dict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from .checkpoints.openai import Activation
from .checkpoints.writing import Mask
from .fdaclip import FDACLIP
from .heads import HeadConfig
from .patch import Guidance

Form = Literal["folder", "openai"]


def convert(
    source: str | Path,
    target: str | Path,
    *,
    to: Form = "folder",
    mask: Mask = "keep",
    results: Sequence[dict[str, Any]] = (),
    download: bool = False,
    base: str | Path | None = None,
    alpha: str | Path | None = None,
    activation: Activation | None = None,
    guidance: Guidance | None = None,
    head: HeadConfig | None = None,
) -> FDACLIP:
    """Read one checkpoint and write it in another form; returns the model.

    Args:
        source: as `FDACLIP.from_pretrained` takes it, with `download`, `base`, `alpha`,
            `activation`, `guidance` and `head`.
        target: a folder, or the file of an OpenAI state dict.
        to: `folder` (Hugging Face, with fdaclip.json and a model card) or `openai`.
        mask: of `openai`; see `FDACLIP.save_openai`.
        results: of `folder`: contents of `result.json` files, for its card.

    Raises:
        ModelError, FileExistsError, ValueError: see `from_pretrained`, `save_pretrained` and
            `save_openai`.
    """
    if to not in ("folder", "openai"):
        raise ValueError(f"to must be folder or openai, not {to!r}")
    if to == "openai" and results:
        raise ValueError("a state dict has no card to show results")
    model = FDACLIP.from_pretrained(
        source,
        download=download,
        base=base,
        alpha=alpha,
        activation=activation,
        guidance=guidance,
        head=head,
    )
    if to == "folder":
        model.save_pretrained(target, results=results)
    else:
        model.save_openai(target, mask=mask)
    return model
