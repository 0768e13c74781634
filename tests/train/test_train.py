"""The loop: it learns, is decided by its seed, and says what is wrong."""

import itertools
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from fdaclip.train import Pairs, Training, TrainingDiverged, train, warmup_cosine
from fdaclip.train.loading import Loading, batches
from fdaclip.train.loop import plan_of, start
from fdaclip.train.pairs import shifted

sys.path.insert(0, str(Path(__file__).parent))

from small import FAST, SIDE, WORDS, coloured, tiny


def test_training_lowers_the_loss_and_tells_colours_apart() -> None:
    model, pairs = tiny(), coloured(1)
    history = train(model, pairs, Training(steps=60, batch=4, **FAST))
    assert history[-1].loss < 0.3 < history[0].loss
    assert not model.training
    scores = model.encode_texts(WORDS) @ model.encode_rgba(pairs.rgba.numpy()).T
    assert (scores.argmax(1) == np.arange(4)).all()


QUICK = {"backbone_lr": 3e-3, "alpha_lr": 3e-3, "new_lr": 3e-3}


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "sigmoid"},
        {"hard_negatives": 0.5},
        {"decorrelation": 0.05},
        {"sentences": 2},
        {"epoch": "pairs"},
        {"positives": "sentence"},
        {"ema": 0.9},
        {"precision": "bf16"},
        {"precision": "fp16"},
        {"micro_batch": 3},
        {"mode": "lora", "new_lr": 1e-2},
        {"gradient_checkpointing": True},
    ],
    ids=str,
)
def test_every_option_learns(options: dict) -> None:
    model, pairs = tiny(), coloured(2)
    train(model, pairs, Training(**{"steps": 40, "batch": 8, **QUICK, **options}))
    scores = model.encode_texts(WORDS) @ model.encode_rgba(pairs.rgba.numpy()).T
    right = scores.argmax(1) % 4 == np.arange(4)
    assert right.sum() >= (2 if options.get("mode") == "lora" else 4)


def test_a_seed_decides_the_run() -> None:
    losses = []
    for seed in (1, 1, 2):
        model = tiny()
        history = train(model, coloured(shift=1), Training(steps=4, batch=8, seed=seed, **FAST))
        losses.append([step.loss for step in history])
    assert losses[0] == losses[1] != losses[2]


def test_frozen_training_changes_only_the_alpha_slice() -> None:
    model = tiny()
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    train(model, coloured(), Training(steps=3, batch=8, mode="frozen", **FAST))
    changed = {n for n, v in model.named_parameters() if not torch.equal(v, before[n])}
    assert changed == {n for n in before if n.endswith("patch_embedding.alpha")}


def test_nothing_to_train_is_told() -> None:
    with pytest.raises(ValueError, match=r"nothing is trained: mode frozen .* guidance is none"):
        train(tiny(guidance="none"), coloured(), Training(steps=1, batch=8, mode="frozen"))


def test_divergence_is_told_with_its_step_and_videos_and_changes_nothing() -> None:
    model = tiny()
    with torch.no_grad():
        model.backbone.text_projection.weight.fill_(math.nan)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    with pytest.raises(TrainingDiverged, match=r"nan at step 1 of 5.*videos: .*clip \d") as told:
        train(model, coloured(), Training(steps=5, batch=8, **FAST))
    assert told.value.step == 1 and len(told.value.videos) == 8
    for name, value in model.named_parameters():
        assert torch.equal(value, before[name]) or value.isnan().any()


def test_the_average_of_the_weights_is_what_remains() -> None:
    """Against the recursion written out."""
    trainer = start(tiny(), coloured(), Training(steps=3, batch=8, warmup=0, ema=0.9, **FAST))
    assert trainer.average is not None
    averaged = trainer.average.weights["backbone.text_projection.weight"].clone()
    for number, batch in enumerate(
        batches(coloured(), plan_of(coloured(), trainer.training), 0, 3, Loading())
    ):
        trainer.take(batch)
        now = trainer.model.backbone.text_projection.weight.detach()
        decay = min(0.9, (1 + number) / (10 + number))
        averaged = decay * averaged + (1 - decay) * now
    found = trainer.average.weights["backbone.text_projection.weight"]
    assert torch.allclose(found, averaged, atol=1e-7)
    with trainer.for_use() as model:
        assert torch.equal(model.backbone.text_projection.weight, found)
    assert torch.equal(trainer.model.backbone.text_projection.weight, now)


def test_pairs_that_do_not_fit_are_refused() -> None:
    rgba = torch.zeros(2, 1, 4, 2, 2, dtype=torch.uint8)
    with pytest.raises(ValueError, match="2 clips, but 1 lists"):
        Pairs(rgba, [("a",)])
    with pytest.raises(ValueError, match="without a sentence"):
        Pairs(rgba, [("a",), ()])
    with pytest.raises(ValueError, match="shift must not be negative"):
        Pairs(rgba, [("a",), ("b",)], -1)


def test_a_shift_moves_frames_and_masks_together() -> None:
    rng = np.random.default_rng(0)
    clip = np.zeros((2, 4, 9, 9), np.uint8)
    clip[..., 4, 4] = 200  # one dot in every channel of every frame
    places = set()
    for _ in range(20):
        moved = shifted(clip, 2, rng)
        dots = {tuple(np.argwhere(plane)[0]) for plane in moved.reshape(8, 9, 9)}
        assert len(dots) == 1
        (y, x) = dots.pop()
        assert max(abs(y - 4), abs(x - 4)) <= 2
        places.add((y, x))
    assert len(places) > 5
    assert shifted(clip, 0, rng) is clip
    edge = np.arange(SIDE, dtype=np.uint8)[None, None, None].repeat(SIDE, 2)
    assert set(np.unique(shifted(edge, 2, rng))) <= set(range(SIDE))


def test_the_rate_warms_up_and_falls_to_nothing() -> None:
    factors = [warmup_cosine(step, 100, 0.1) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9] == factors[10] == 1
    assert factors[55] == pytest.approx(0.5)  # the middle of the fall
    assert factors[100] == pytest.approx(0)
    assert all(a >= b for a, b in itertools.pairwise(factors[10:]))
    assert warmup_cosine(0, 10, 0) == 1
