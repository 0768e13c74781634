"""What a run writes down as it goes: metrics.jsonl, and trackers that draw curves."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

FILE = "metrics.jsonl"
Track = Callable[[Mapping[str, float], int], None]


class Journal:
    """One JSON object a line: `{"kind": "step", "step": 3, "loss": 4.2, …}`.

    Lines of steps after `step` are dropped first: a run that goes on from a checkpoint writes them
    again, the same. So is a last line that a killed process left unfinished.

    Args:
        folder: of the run.
        step: that the run begins or goes on after.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self.path = folder / FILE
        kept = [line for line in read(folder) if line["step"] <= step]
        partial = self.path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in kept)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path)
        self.file = self.path.open("a", encoding="utf-8")

    def write(self, kind: str, step: int, **values: Any) -> None:
        """Add a line."""
        self.file.write(json.dumps({"kind": kind, "step": step, **values}) + "\n")
        self.file.flush()

    def close(self) -> None:
        self.file.close()


def read(folder: Path) -> list[dict[str, Any]]:
    """The whole lines of a run's journal; none if it has none."""
    path = folder / FILE
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]  # the last has no end yet, or is ""
    return [json.loads(line) for line in lines]


def trackers(
    names: tuple[str, ...], folder: Path, run: str, recipe: Mapping[str, Any], step: int
) -> tuple[list[Track], list[str], Callable[[], None]]:
    """What takes numbers of a step, of the trackers that are installed.

    Args:
        names: any of tensorboard, wandb and trackio.
        run: its name.
        recipe: as plain values.
        step: that the run begins or goes on after.

    Returns:
        The takers, the names of those that are not installed, and what ends them.
    """
    takers: list[Track] = []
    ends: list[Callable[[], None]] = []
    missing = []
    for name in names:
        if find_spec(name) is None:
            missing.append(name)
        elif name == "tensorboard":
            from torch.utils.tensorboard import SummaryWriter

            writer: Any = SummaryWriter(str(folder / "tensorboard"), purge_step=step or None)

            def to_board(values: Mapping[str, float], step: int, writer: Any = writer) -> None:
                for tag, value in values.items():
                    writer.add_scalar(tag, value, step)

            takers.append(to_board)
            ends.append(writer.close)
        else:
            module: Any = __import__(name)
            more = {"id": run, "resume": "allow"} if name == "wandb" else {"resume": "allow"}
            module.init(project="fdaclip", name=run, config=dict(recipe), **more)

            def to_module(values: Mapping[str, float], step: int, module: Any = module) -> None:
                module.log(dict(values), step=step)

            takers.append(to_module)
            ends.append(module.finish)

    def end() -> None:
        for close in ends:
            close()

    return takers, missing, end
