"""The experiment behind the claim: a model that sees the mask, and its twin that does not.

Both start from the same weights and see the same clips in the same order; all that differs is
whether the fourth channel is looked at.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty
from typing import Any, Literal

import numpy as np
import torch

from fdaclip.data.shapes import vocabulary
from fdaclip.evaluate import Metrics, evaluate
from fdaclip.model import FDACLIP
from fdaclip.train.loop import Step, train
from fdaclip.train.pairs import Pairs
from fdaclip.train.recipe import Training
from fdaclip.video import Sampling

# From scratch every weight learns, at one rate but for the text tower: it starts as a random code
# for each word, which the image tower can aim at as long as it holds still.
RECIPE = Training(
    steps=900,
    batch=64,
    backbone_lr=2e-3,
    alpha_lr=2e-3,
    new_lr=2e-3,
    text_lr=2e-4,
    weight_decay=0.3,
)
SHIFT = 1  # px by which a clip is moved at random


@dataclass(frozen=True)
class Corpus:
    """Prepared clips on disk, and the sentences of each.

    ``train`` and ``test`` are .npy files of uint8 [V,T,4,S,S], read by each worker.
    """

    train: Path
    train_captions: Sequence[Sequence[str]]
    test: Path
    test_captions: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Run:
    """One model to train, and the folder it is saved in."""

    guidance: Literal["alpha", "none"]
    seed: int
    folder: Path


def small_model(guidance: Literal["alpha", "none"], seed: int) -> FDACLIP:
    """The backbone of the experiment: so small that it learns in a minute on one core.

    48 px in patches of 24: a shape and where it goes lie in one or two patches.
    """
    return FDACLIP.small(
        seed,
        words=vocabulary(),
        image_size=48,
        patch_size=24,
        layers=2,
        text_layers=1,
        context=24,
        guidance=guidance,
        sampling=Sampling(frames=2),
    )


def train_all(
    runs: Sequence[Run],
    corpus: Corpus,
    recipe: Training = RECIPE,
    *,
    workers: int = 2,
    on_step: Callable[[Run, Step], None] = lambda run, step: None,
) -> list[dict[str, Metrics]]:
    """Train, save and test every run, ``workers`` at a time with one thread each.

    A model this small gains nothing from a second thread, so the runs share the cores instead.

    Returns:
        For each run, in order, the metrics of both directions on the test clips.
    """
    context = multiprocessing.get_context("spawn")
    steps: Any = context.Queue()
    with ProcessPoolExecutor(workers, context, initializer=_start, initargs=(steps,)) as pool:
        jobs = [
            pool.submit(_train_one, index, runs[index], corpus, recipe)
            for index in range(len(runs))
        ]
        while not all(job.done() for job in jobs):
            try:
                index, step = steps.get(timeout=0.2)
            except Empty:
                continue
            on_step(runs[index], step)
        return [job.result() for job in jobs]


_steps: Any = None  # the queue of a worker process


def _start(steps: Any) -> None:
    global _steps
    _steps = steps
    torch.set_num_threads(1)


def _train_one(index: int, run: Run, corpus: Corpus, recipe: Training) -> dict[str, Metrics]:
    model = small_model(run.guidance, run.seed)
    pairs = Pairs(torch.from_numpy(np.load(corpus.train)), corpus.train_captions, SHIFT)
    recipe = replace(recipe, seed=run.seed)
    train(model, pairs, recipe, lambda step: _steps.put((index, step)))
    model.save_pretrained(run.folder)
    return evaluate(model, list(np.load(corpus.test)), corpus.test_captions)
