"""A run that was stopped anywhere goes on as if it had not been."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from fdaclip.train import checkpoints
from fdaclip.train.checkpoints import CheckpointError
from fdaclip.train.journal import Journal, read
from fdaclip.train.reading import to_yaml
from fdaclip.train.session import RunExists, Tell, train_recipe

OPTIONS: list[Any] = [
    {"training__ema": 0.9, "training__mode": "lora"},
    pytest.param({}, marks=pytest.mark.slow),
    pytest.param({"training__micro_batch": 3, "training__loss": "sigmoid"}, marks=pytest.mark.slow),
    pytest.param({"training__precision": "fp16"}, marks=pytest.mark.slow),
]


MAIN = "from fdaclip.cli import main; main()"


class Killed(BaseException):
    """Stands for a process that is no more."""


def stopping_after(step: int) -> Tell:
    def stop(taken: Any) -> None:
        if taken.number == step:
            raise Killed

    return Tell(step=stop)


def losses(folder: Path) -> list[tuple[int, float]]:
    return [(row["step"], row["loss"]) for row in read(folder) if row["kind"] == "step"]


def assert_same(one: Path, other: Path) -> None:
    """Journals, weights and optimiser equal, to the bit."""
    assert read(one) == read(other)
    assert (one / "best").readlink() == (other / "best").readlink()
    for name in ("model.safetensors",):
        a, b = (load_file(folder / "best" / name) for folder in (one, other))
        assert all(torch.equal(a[key], b[key]) for key in a)
    states = [
        checkpoints.load(folder, checkpoints.steps_saved(folder)[-1]) for folder in (one, other)
    ]
    assert_equal(*states)


def assert_equal(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b)
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_equal(a[key], b[key])
    elif isinstance(a, list | tuple):
        for x, y in zip(a, b, strict=True):
            assert_equal(x, y)
    else:
        assert a == b


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_stopped_thrice_and_gone_on_is_uninterrupted(
    options: dict[str, Any], recipe_of: Any, tmp_path: Path
) -> None:
    recipe = recipe_of(**options)
    whole = train_recipe(recipe, tmp_path / "whole")
    for step in (2, 7, 12):
        with pytest.raises(Killed):
            train_recipe(recipe, tmp_path / "parts", resume=True, tell=stopping_after(step))
    parts = train_recipe(recipe, tmp_path / "parts", resume=True)
    assert_same(tmp_path / "whole", tmp_path / "parts")
    for key in ("ranks", "selected", "headline", "best_on_test"):
        assert whole[key] == parts[key]
    assert whole["model"]["fingerprint"] == parts["model"]["fingerprint"]


def test_the_last_checkpoints_and_the_best_are_kept(recipe_of: Any, tmp_path: Path) -> None:
    recipe = recipe_of(record__save_every=1, record__keep=2)
    result = train_recipe(recipe, tmp_path)
    best = result["selected"]["step"]
    assert checkpoints.steps_saved(tmp_path) == sorted({best, 11, 12})
    assert (tmp_path / "best").resolve() == checkpoints.step_folder(tmp_path, best).resolve()
    assert not list((tmp_path / "checkpoints").glob(".*"))


def test_what_a_killed_process_left_half_done_is_no_matter(recipe_of: Any, tmp_path: Path) -> None:
    recipe = recipe_of()
    train_recipe(recipe, tmp_path / "whole")
    with pytest.raises(Killed):
        train_recipe(recipe, tmp_path / "parts", tell=stopping_after(8))
    half = tmp_path / "parts" / "checkpoints" / ".step-000009.partial"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    with (tmp_path / "parts" / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "step", "st')
    train_recipe(recipe, tmp_path / "parts", resume=True)
    assert_same(tmp_path / "whole", tmp_path / "parts")


def test_a_folder_is_kept_from_another_run(recipe_of: Any, tmp_path: Path) -> None:
    recipe = recipe_of(training__steps=1)
    done = train_recipe(recipe, tmp_path)
    with pytest.raises(RunExists, match="holds a run already; hint: --resume"):
        train_recipe(recipe, tmp_path)
    other = recipe_of(training__steps=1, training__batch=4)
    with pytest.raises(RunExists, match=r"another recipe: training\.batch differ"):
        train_recipe(other, tmp_path, resume=True)
    freely = recipe_of(training__steps=1, data__workers=1, record__keep=1)
    assert train_recipe(freely, tmp_path, resume=True) == done  # finished, so nothing is done


def test_a_damaged_checkpoint_is_told_with_the_way_out(recipe_of: Any, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train_recipe(recipe_of(), tmp_path, tell=stopping_after(7))
    folder = checkpoints.step_folder(tmp_path, checkpoints.steps_saved(tmp_path)[-1])
    (folder / "trainer.pt").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=f"cannot be read.*delete {folder}"):
        train_recipe(recipe_of(), tmp_path, resume=True)


def test_early_stopping_stops_and_says_so(recipe_of: Any, tmp_path: Path) -> None:
    still = {f"training__{name}_lr": 0.0 for name in ("backbone", "alpha", "new", "text")}
    recipe = recipe_of(selection__patience=2, selection__every=2, training__steps=40, **still)
    result = train_recipe(recipe, tmp_path)
    assert result["stopped_early"] and result["steps"] == 6
    assert result["selected"]["step"] == 2


def test_a_journal_drops_what_lies_ahead(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 0)
    for step in (1, 2, 3):
        journal.write("step", step, loss=1 / step)
    journal.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "st')
    again = Journal(tmp_path, 2)
    again.write("step", 3, loss=0.0)
    again.close()
    assert [(row["step"], row["loss"]) for row in read(tmp_path)] == [(1, 1.0), (2, 0.5), (3, 0.0)]


@pytest.mark.slow
def test_kill_9_at_any_time(recipe_of: Any, tmp_path: Path) -> None:
    """A real process, killed at ever later times, then left to end."""
    recipe = recipe_of(
        training__steps=24, record__save_every=2, data__memory=False, data__workers=1
    )
    (tmp_path / "recipe.yaml").write_text(to_yaml(recipe))
    train_recipe(recipe, tmp_path / "whole")
    words = [sys.executable, "-c", MAIN, "train", str(tmp_path / "recipe.yaml")]
    words += ["--out", str(tmp_path / "parts"), "--resume"]
    kills = 0
    log = (tmp_path / "log").open("w")
    for more in range(60):
        process = subprocess.Popen(words, stderr=log, stdout=log)
        journal, before = tmp_path / "parts" / "metrics.jsonl", lines(tmp_path / "parts")
        until = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < until:
            if lines(tmp_path / "parts") > before + 3:
                break
            time.sleep(0.01)
        time.sleep(0.037 * (more % 7))
        if process.poll() is not None:
            assert process.returncode == 0, (tmp_path / "log").read_text()[-3000:]
            break
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
        assert journal.exists()
    assert kills >= 3
    assert_same(tmp_path / "whole", tmp_path / "parts")
    assert json.loads((tmp_path / "parts" / "result.json").read_text())["steps"] == 24


def lines(folder: Path) -> int:
    path = folder / "metrics.jsonl"
    return path.read_text().count("\n") if path.exists() else 0
