"""Gradient caching is the plain step, at the memory of a part."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from fdaclip.model.heads import HeadConfig
from fdaclip.train import Training
from fdaclip.train.caching import encode_in_parts, encode_whole
from fdaclip.train.loading import Loading, batches
from fdaclip.train.loop import plan_of, start

sys.path.insert(0, str(Path(__file__).parent))

from small import FAST, coloured, tiny


def gradients(head: str, micro_batch: int | None, **options) -> tuple[float, dict]:
    """The first step's loss and the gradients that it leaves."""
    training = Training(
        steps=2, batch=8, clip_norm=1e9, micro_batch=micro_batch, **{**FAST, **options}
    )
    source = coloured(shift=1)
    trainer = start(tiny(head=HeadConfig(head, layers=1)), source, training)
    (batch,) = batches(source, plan_of(source, training), 0, 1, Loading())
    taken = trainer.take(batch)
    return taken.loss, {name: p.grad.clone() for name, p in trainer.parameters.items()}


def assert_same(plain: dict, cached: dict) -> None:
    """Up to the rounding of sums in float32, which is relative to the largest that enter them."""
    assert plain.keys() == cached.keys()
    for name, gradient in plain.items():
        rounding = 1e-6 + 1e-5 * float(gradient.abs().max())
        assert torch.allclose(gradient, cached[name], rtol=1e-4, atol=rounding), name


@pytest.mark.parametrize("head", ["mean", "temporal", "ti", "wti"])
@pytest.mark.parametrize("micro_batch", [1, 3, 4])
def test_a_cached_step_is_the_plain_step(head: str, micro_batch: int) -> None:
    loss, plain = gradients(head, None)
    cached_loss, cached = gradients(head, micro_batch)
    assert cached_loss == pytest.approx(loss, rel=1e-6)
    assert_same(plain, cached)
    assert any(gradient.abs().max() > 1e-3 for gradient in plain.values())


@pytest.mark.parametrize(
    "options",
    [
        {"sentences": 2},
        {"loss": "sigmoid"},
        {"mode": "frozen"},
        {"mode": "lora"},
        {"decorrelation": 0.1, "hard_negatives": 0.3},
        {"gradient_checkpointing": True},
    ],
    ids=str,
)
def test_so_it_is_with_every_option(options: dict) -> None:
    loss, plain = gradients("mean", None, **options)
    cached_loss, cached = gradients("mean", 3, **options)
    assert cached_loss == pytest.approx(loss, rel=1e-6)
    assert_same(plain, cached)


def test_dropout_falls_alike_when_a_part_is_computed_again() -> None:
    torch.manual_seed(0)
    tower = nn.Sequential(nn.Linear(4, 64), nn.Dropout(0.5), nn.Linear(64, 4))
    x = torch.randn(6, 4)
    seen = []

    def encode(part: slice) -> tuple[torch.Tensor, ...]:
        seen.append(tower(x[part]))
        return (seen[-1],)

    encoded = encode_in_parts(encode, 6, 2)
    encoded.features[0].square().sum().backward()
    before = torch.get_rng_state()
    encoded.backward()
    assert torch.equal(before, torch.get_rng_state())  # nothing is drawn by computing again
    for first, again in zip(seen[:3], seen[3:], strict=True):
        assert torch.equal(first, again)


def test_a_part_with_a_mask_needs_no_gradient_for_it() -> None:
    weight = torch.ones(3, requires_grad=True)
    x = torch.arange(12.0).view(4, 3)

    def encode(part: slice) -> tuple[torch.Tensor, ...]:
        return x[part] * weight, x[part] > 4

    for encoded in (encode_whole(encode, 4), encode_in_parts(encode, 4, 3)):
        weight.grad = None
        values, mask = encoded.features
        assert mask.dtype == torch.bool and not mask.requires_grad
        (values * mask).sum().backward()
        encoded.backward()
        assert weight.grad is not None and weight.grad.tolist() == [15.0, 17.0, 24.0]


def peak(micro_batch: int | None, batch: int) -> int:
    """Bytes of activations that one step keeps for its way back, at most at once."""
    kept = most = 0

    class Held:
        def __init__(self, tensor: torch.Tensor) -> None:
            nonlocal kept, most
            self.tensor, self.size = tensor, tensor.numel() * tensor.element_size()
            kept += self.size
            most = max(most, kept)

        def __del__(self) -> None:
            nonlocal kept
            kept -= self.size

    with torch.autograd.graph.saved_tensors_hooks(Held, lambda held: held.tensor):
        training = Training(steps=1, batch=batch, micro_batch=micro_batch, **FAST)
        source = coloured(batch // 4)
        trainer = start(tiny(), source, training)
        (found,) = batches(source, plan_of(source, training), 0, 1, Loading())
        trainer.take(found)
    return most


def test_memory_does_not_grow_with_the_batch() -> None:
    assert peak(None, 64) > 3.5 * peak(None, 16)
    # What grows is the features and the scores, not the activations of the towers.
    assert peak(4, 64) < 1.35 * peak(4, 16)
    assert peak(4, 64) < 0.2 * peak(None, 64)
