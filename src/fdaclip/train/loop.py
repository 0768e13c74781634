"""The training loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from fdaclip.model import FDACLIP
from fdaclip.train.loading import Loading, batches
from fdaclip.train.pairs import Source
from fdaclip.train.plan import Plan
from fdaclip.train.recipe import Training
from fdaclip.train.trainer import Trainer, TrainingDiverged
from fdaclip.train.world import World


@dataclass(frozen=True)
class Step:
    """What is known after an optimiser step.

    Attributes:
        number: counted from 1. of: how many there will be. epoch: counted from 0, with its part.
        loss, logit_scale, gradient, factor: see `Taken`.
        seconds: since training began or went on, in this process.
        rate: clips a second of the joint batch, since then. waiting: share of that time spent
            waiting for batches. left: s to go at that rate.
    """

    number: int
    of: int
    epoch: float
    loss: float
    logit_scale: float
    gradient: float
    factor: float
    seconds: float
    rate: float
    waiting: float
    left: float


def plan_of(source: Source, training: Training) -> Plan:
    """The batches that a recipe makes of these clips."""
    return Plan(
        tuple(map(len, source.captions)),
        training.batch,
        training.sentences,
        training.epoch,
        training.seed,
    )


def steps_of(plan: Plan, training: Training) -> int:
    """Optimiser steps of the whole run."""
    if training.steps is not None:
        return training.steps
    assert training.epochs is not None
    return training.epochs * plan.steps_an_epoch


def start(
    model: FDACLIP, source: Source, training: Training, world: World | None = None
) -> Trainer:
    """A trainer for a run over these clips, at its first step.

    Raises:
        ValueError: nothing would be trained, or the batch does not split into the processes' parts.
    """
    plan = plan_of(source, training)
    trainer = Trainer(model, training, steps_of(plan, training), world)
    processes = trainer.world.size
    if plan.size % processes:
        raise ValueError(
            f"a batch of {plan.size} does not split into equal parts for {processes} processes"
        )
    return trainer


def run(
    trainer: Trainer,
    source: Source,
    loading: Loading | None = None,
    after: Callable[[Step], bool] = lambda step: True,
) -> None:
    """Take the steps that are left; stop early when `after`, called after each, says False.

    Raises:
        TrainingDiverged: naming the batch's clips, when loss or gradient are no longer finite.
        LoaderStalled, fdaclip.video.VideoError: see `batches`.
    """
    world, plan = trainer.world, plan_of(source, trainer.training)
    first = trainer.step
    found = batches(
        source,
        plan,
        first,
        trainer.steps,
        loading or Loading(),
        rank=world.rank,
        processes=world.size,
    )
    began, waited = time.monotonic(), 0.0
    for batch in found:
        waited += batch.waited
        try:
            taken = trainer.take(batch)
        except TrainingDiverged as error:
            names = ", ".join(source.name(video) for video in error.videos)
            raise TrainingDiverged(f"{error}; videos: {names}", error.step, error.videos) from None
        del batch  # or it would stay in memory until the next one has come
        seconds = max(time.monotonic() - began, 1e-9)
        a_second = (trainer.step - first) / seconds
        step = Step(
            number=trainer.step,
            of=trainer.steps,
            epoch=trainer.step / plan.steps_an_epoch,
            loss=taken.loss,
            logit_scale=taken.logit_scale,
            gradient=taken.gradient,
            factor=taken.factor,
            seconds=seconds,
            rate=a_second * plan.size,
            waiting=min(1.0, waited / seconds),
            left=(trainer.steps - trainer.step) / a_second,
        )
        if not after(step):
            break


def train(
    model: FDACLIP,
    source: Source,
    training: Training,
    on_step: Callable[[Step], None] = lambda step: None,
) -> list[Step]:
    """Train `model` in place, in this process, and leave it in evaluation mode.

    Each step encodes a batch of clips and sentences of each; the loss pulls a clip to its own
    sentences and away from the batch's others, in both directions (CLIP, Radford et al. 2021,
    figure 3). The logit scale is learned and clamped.
    """
    trainer = start(model, source, training)
    history: list[Step] = []

    def after(step: Step) -> bool:
        history.append(step)
        on_step(step)
        return True

    run(trainer, source, after=after)
    if trainer.average:
        trainer.average.adopt()
    model.eval()
    return history
