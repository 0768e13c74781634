"""A run's checkpoints: written whole or not at all, so that a killed run goes on from the last.

`checkpoints/step-N` is a model's folder as any other (`FDACLIP.from_pretrained` reads it), with
`trainer.pt`, all that the next step depends on, and the recipe beside. `best` links to one of them.
"""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import torch

from fdaclip.train.trainer import Trainer

STATE, RECIPE = "trainer.pt", "recipe.yaml"


class CheckpointError(RuntimeError):
    """A checkpoint cannot be gone on from; the message says why."""


def step_folder(run: Path, step: int) -> Path:
    """Where a run's checkpoint of a step is."""
    return run / "checkpoints" / f"step-{step:06d}"


def steps_saved(run: Path) -> list[int]:
    """The steps of which a run has a checkpoint, ascending."""
    names = (path.name for path in (run / "checkpoints").glob("step-*"))
    return sorted(int(name.removeprefix("step-")) for name in names)


def save(run: Path, trainer: Trainer, recipe: str, more: dict[str, Any]) -> Path:
    """Write the checkpoint of the step just taken; returns its folder.

    Written under another name, flushed to the disk and renamed.

    Args:
        recipe: the resolved recipe, as YAML.
        more: plain values to keep beside the trainer's state.
    """
    folder = step_folder(run, trainer.step)
    fresh = folder.with_name(f".{folder.name}.partial")
    old = folder.with_name(f".{folder.name}.old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    with trainer.for_use() as model:
        model.save_pretrained(fresh)
    torch.save({"trainer": trainer.state(), **more}, fresh / STATE)
    (fresh / RECIPE).write_text(recipe, encoding="utf-8")
    for path in (*fresh.iterdir(), fresh):
        flush(path)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    flush(folder.parent)
    shutil.rmtree(old, ignore_errors=True)
    return folder


def load(run: Path, step: int) -> dict[str, Any]:
    """What `save` kept of a step: the trainer's state and `more`.

    Raises:
        CheckpointError: it cannot be read.
    """
    path = step_folder(run, step) / STATE
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        why = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{path} cannot be read: {why}; hint: delete {path.parent}, and the run goes on from "
            "the checkpoint before"
        ) from error
    assert isinstance(state, dict)
    return state


def mark_best(run: Path, step: int) -> None:
    """Let `best` be the checkpoint of this step, from one moment to the next."""
    link = run / "best"
    fresh = run / ".best.partial"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(step_folder(run, step).relative_to(run), target_is_directory=True)
    fresh.replace(link)
    flush(run)


def prune(run: Path, keep: int, best: int | None) -> None:
    """Delete all checkpoints but the last `keep` and the best."""
    for step in steps_saved(run)[:-keep]:
        if step != best:
            shutil.rmtree(step_folder(run, step))


def flush(path: Path) -> None:
    """To the disk: a file's content, or a folder's list of files."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
