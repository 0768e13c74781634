"""The recipe, the schedule, the batches and the loop."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch

from fdaclip.model import FDACLIP
from fdaclip.train import Pairs, Recipe, TrainingDiverged, train, warmup_cosine
from fdaclip.train.pairs import shifted
from fdaclip.video import Sampling

SIDE = 16
WORDS = ("red", "green", "blue", "dark")


def tiny(**options) -> FDACLIP:
    return FDACLIP.small(
        words=WORDS,
        image_size=SIDE,
        patch_size=8,
        width=32,
        layers=1,
        text_layers=1,
        embedding_size=32,
        context=8,
        sampling=Sampling(frames=2),
        **options,
    )


def coloured(copies: int = 4) -> Pairs:
    """Clips of one colour each, named by it."""
    rng = np.random.default_rng(0)
    colours = [(220, 30, 30), (30, 220, 30), (30, 30, 220), (20, 20, 20)]
    rgba = np.zeros((4 * copies, 2, 4, SIDE, SIDE), np.uint8)
    for i in range(len(rgba)):
        rgba[i, :, :3] = np.array(colours[i % 4])[None, :, None, None]
        rgba[i, :, 3] = 255
    rgba += rng.integers(0, 8, rgba.shape, dtype=np.uint8)
    return Pairs(torch.from_numpy(rgba), [(WORDS[i % 4],) for i in range(len(rgba))])


FAST = {"backbone_lr": 1e-3, "alpha_lr": 1e-3, "new_lr": 1e-3}


def test_training_lowers_the_loss_and_tells_colours_apart() -> None:
    model, pairs = tiny(), coloured(1)
    history = train(model, pairs, Recipe(steps=60, batch=4, **FAST))
    assert history[-1].loss < 0.3 < history[0].loss
    assert not model.training
    scores = model.encode_texts(WORDS) @ model.encode_rgba(pairs.rgba.numpy()).T
    assert (scores.argmax(1) == np.arange(4)).all()


def test_a_seed_decides_the_run() -> None:
    losses = []
    for seed in (1, 1, 2):
        model = tiny()
        history = train(model, coloured(), Recipe(steps=4, batch=8, seed=seed, shift=1, **FAST))
        losses.append([step.loss for step in history])
    assert losses[0] == losses[1] != losses[2]


def test_frozen_training_changes_only_the_alpha_slice() -> None:
    model = tiny()
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    train(model, coloured(), Recipe(steps=3, batch=8, mode="frozen", **FAST))
    changed = {n for n, v in model.named_parameters() if not torch.equal(v, before[n])}
    assert changed == {n for n in before if n.endswith("patch_embedding.alpha")}


def test_divergence_is_told_at_its_step() -> None:
    model = tiny()
    with torch.no_grad():
        model.backbone.text_projection.weight.fill_(math.nan)
    with pytest.raises(TrainingDiverged, match="nan at step 1 of 5"):
        train(model, coloured(), Recipe(steps=5, batch=8, **FAST))


def test_batches_hold_each_clip_once_and_cover_all() -> None:
    rgba = torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1, 1).expand(10, 1, 4, 2, 2)
    pairs = Pairs(rgba, [(str(i), f"{i} again") for i in range(10)])
    seen: Counter[int] = Counter()
    sentences = set()
    for clips, texts in pairs.batches(size=5, steps=40, seed=0):
        numbers = clips[:, 0, 0, 0, 0].tolist()
        assert len(set(numbers)) == 5
        assert [int(text.split()[0]) for text in texts] == numbers
        seen.update(numbers)
        sentences.update(texts)
    assert set(seen.values()) == {20}  # twenty epochs of two batches
    assert len(sentences) == 20  # every phrasing had its turn


def test_pairs_that_do_not_fit_are_refused() -> None:
    rgba = torch.zeros(2, 1, 4, 2, 2, dtype=torch.uint8)
    with pytest.raises(ValueError, match="2 clips, but 1 lists"):
        Pairs(rgba, [("a",)])
    with pytest.raises(ValueError, match="without a sentence"):
        Pairs(rgba, [("a",), ()])


def test_a_shift_moves_frames_and_masks_together() -> None:
    rng = np.random.default_rng(0)
    rgba = torch.zeros(6, 2, 4, 9, 9, dtype=torch.uint8)
    rgba[..., 4, 4] = 200  # one dot in every channel of every frame
    moved = shifted(rgba, 2, rng)
    places = set()
    for clip in moved:
        dots = [tuple(torch.nonzero(plane)[0].tolist()) for plane in clip.flatten(0, 1)]
        assert len(set(dots)) == 1
        assert max(abs(y - 4) for y, _ in dots) <= 2 >= max(abs(x - 4) for _, x in dots)
        places.add(dots[0])
    assert len(places) > 1
    assert shifted(rgba, 0, rng) is rgba


def test_the_rate_warms_up_and_falls_to_nothing() -> None:
    factors = [warmup_cosine(step, 100, 0.1) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9] == factors[10] == 1
    assert factors[55] == pytest.approx(0.5)  # the middle of the fall
    assert factors[100] == pytest.approx(0)
    assert all(a >= b for a, b in itertools.pairwise(factors[10:]))
    assert warmup_cosine(0, 10, 0) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps must be positive, not 0"),
        ({"batch": 1}, "at least 2"),
        ({"warmup": 1.5}, "between 0 and 1, not 1.5"),
        ({"mode": "some"}, "frozen, lora or full, not 'some'"),
        ({"backbone_lr": -1}, "backbone_lr must not be negative"),
        ({"text_lr": -1}, "text_lr must not be negative"),
        ({"shift": -1}, "shift must not be negative"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe(**{"steps": 10, **change})
