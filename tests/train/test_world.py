"""Two processes are one with the joint batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from fdaclip.train import world
from fdaclip.train.journal import read
from fdaclip.train.reading import to_yaml
from fdaclip.train.session import train_recipe
from fdaclip.train.world import Alone, gathered

HERE = Path(__file__).parent


class Second:
    """The second of two processes, the first's tensors being known."""

    rank, size, device = 1, 2, torch.device("cpu")

    def __init__(self, first: Tensor) -> None:
        self.first = first

    def gather(self, tensor: Tensor) -> Tensor:
        return torch.cat([self.first, tensor.detach()])


def test_the_gathered_gradient_is_that_of_the_joint_batch() -> None:
    torch.manual_seed(0)
    whole = torch.randn(6, 4, requires_grad=True)
    other = torch.randn(6, 4)
    loss = torch.log_softmax(whole @ other.T, 1).diagonal().sum()
    (wanted,) = torch.autograd.grad(loss, whole)
    own = whole[3:].detach().requires_grad_()
    (joint,) = gathered((own,), Second(whole[:3].detach()))  # type: ignore[arg-type]
    assert torch.equal(joint, whole)
    again = torch.log_softmax(joint @ other.T, 1).diagonal().sum()
    (found,) = torch.autograd.grad(again, own)
    assert torch.equal(found, wanted[3:])
    assert gathered((own,), Alone("cpu"))[0] is own


def test_gradients_travel_in_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "BUCKET", 10)
    parameters = [nn.Parameter(torch.ones(size)) for size in (4, 5, 20, 1, 1)]
    parameters[1].requires_grad_(False)
    for number, parameter in enumerate(parameters):
        if number not in (1, 3):
            parameter.grad = torch.full_like(parameter, number)
    groups = world.buckets(parameters)
    assert [[g.numel() for g in group] for group in groups] == [[4], [20], [1, 1]]
    assert parameters[1].grad is None
    assert parameters[3].grad is not None and not parameters[3].grad.any()


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"training__sentences": 2, "training__positives": "sentence", "model__head__kind": "mean"},
        {"training__micro_batch": 2, "model__head__kind": "wti", "training__ema": 0.5},
        {"training__loss": "sigmoid", "training__mode": "lora", "model__head__kind": "temporal"},
    ],
    ids=["several positives", "cached, wti", "sigmoid, lora"],
)
def test_two_processes_are_one(options: dict[str, Any], recipe_of: Any, tmp_path: Path) -> None:
    recipe = recipe_of(**options)
    (tmp_path / "recipe.yaml").write_text(to_yaml(recipe))
    one = train_recipe(recipe, tmp_path / "one")
    script = HERE / "together.py"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    subprocess.run(
        [*torchrun, "--nproc-per-node", "2", script, tmp_path / "recipe.yaml", tmp_path / "two"],
        check=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )
    a, b = (
        [row["loss"] for row in read(tmp_path / name) if row["kind"] == "step"]
        for name in ("one", "two")
    )
    assert len(a) == len(b) == 12
    assert a == pytest.approx(b, rel=2e-4)  # twelve steps of rounding, amplified by AdamW
    assert a[0] == pytest.approx(b[0], rel=1e-6)
    norms = [
        next(row["gradient"] for row in read(tmp_path / name) if row["kind"] == "step")
        for name in ("one", "two")
    ]
    assert norms[0] == pytest.approx(norms[1], rel=1e-5)
    weights = [load_file(tmp_path / name / "best" / "model.safetensors") for name in ("one", "two")]
    for key in weights[0]:
        assert torch.allclose(weights[0][key], weights[1][key], atol=2e-3), key
    said = read(tmp_path / "two")
    assert one["processes"] == 1 and said[-1]["step"] == 12
