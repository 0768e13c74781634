"""The contrastive training loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from fdaclip.model import FDACLIP, symmetric_infonce
from fdaclip.train.pairs import Pairs
from fdaclip.train.recipe import Recipe
from fdaclip.train.schedule import warmup_cosine


@dataclass(frozen=True)
class Step:
    """What is known after an optimiser step; ``seconds`` since training began."""

    number: int
    loss: float
    logit_scale: float
    seconds: float


class TrainingDiverged(RuntimeError):
    """The loss became NaN or infinite."""


def train(
    model: FDACLIP,
    pairs: Pairs,
    recipe: Recipe,
    on_step: Callable[[Step], None] = lambda step: None,
) -> list[Step]:
    """Train ``model`` in place by symmetric InfoNCE and leave it in evaluation mode.

    Each step encodes a batch of clips and one sentence of each; the loss pulls a clip to its own
    sentence and away from the batch's others, in both directions (CLIP, Radford et al. 2021,
    figure 3). The logit scale is learned and clamped.

    Raises:
        TrainingDiverged: naming the step, when the loss is no longer finite.
    """
    torch.manual_seed(recipe.seed)
    model.set_trainable(recipe.mode)
    model.train()
    groups = model.parameter_groups(
        backbone_lr=recipe.backbone_lr,
        alpha_lr=recipe.alpha_lr,
        new_lr=recipe.new_lr,
        text_lr=recipe.text_lr,
        weight_decay=recipe.weight_decay,
    )
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-6)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: warmup_cosine(step, recipe.steps, recipe.warmup)
    )
    began = time.monotonic()
    history: list[Step] = []
    batches = pairs.batches(recipe.batch, recipe.steps, recipe.seed, recipe.shift)
    for number, (rgba, sentences) in enumerate(batches, 1):
        videos = model.encode_frames(rgba)  # [B,E]
        texts = model.encode_tokens(**model.tokenize(sentences))  # [B,E]
        loss = symmetric_infonce(texts, videos, model.logit_scale())
        if not torch.isfinite(loss):
            raise TrainingDiverged(
                f"the loss is {loss.item()} at step {number} of {recipe.steps}; "
                "lower the learning rates or lengthen the warm-up"
            )
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(
            [p for p in model.parameters() if p.requires_grad], recipe.clip_norm
        )
        optimiser.step()
        schedule.step()
        step = Step(number, loss.item(), model.logit_scale().item(), time.monotonic() - began)
        history.append(step)
        on_step(step)
    model.eval()
    return history
