"""One optimiser step, and all that the next one depends on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn

from fdaclip.model import FDACLIP
from fdaclip.model.memory import keep_memory
from fdaclip.train.caching import Encode, Encoded, Features, encode_in_parts, encode_whole
from fdaclip.train.ema import Average
from fdaclip.train.loading import Batch
from fdaclip.train.objective import Objective, true_pairs
from fdaclip.train.recipe import Training
from fdaclip.train.schedule import warmup_cosine
from fdaclip.train.world import Alone, World, gathered

PRECISION = {"bf16": torch.bfloat16, "fp16": torch.float16}


class TrainingDiverged(RuntimeError):
    """The loss or its gradient became NaN or infinite.

    Attributes:
        step: counted from 1.
        videos: indices of the clips of the batch.
    """

    def __init__(self, message: str, step: int, videos: list[int]) -> None:
        super().__init__(message)
        self.step, self.videos = step, videos


class NothingToTrain(ValueError):
    """A recipe whose mode leaves every weight as it is."""


@dataclass(frozen=True)
class Taken:
    """What a step of the optimiser says of itself.

    Attributes:
        loss: of the joint batch.
        logit_scale: after the step.
        gradient: norm of all gradients before it was cut; NaN where fp16 overflowed and the step
            was left out.
        factor: on the peak learning rates.
    """

    loss: float
    logit_scale: float
    gradient: float
    factor: float


class Trainer:
    """A model in training.

    Args:
        model: changed in place.
        steps: of the whole run, which the learning rate follows.

    Attributes:
        step: optimiser steps done.
        parameters: what is trained, by name.
    """

    def __init__(
        self, model: FDACLIP, training: Training, steps: int, world: World | None = None
    ) -> None:
        self.model, self.training, self.steps = model, training, steps
        self.world: World = world or Alone(model.device)
        self.step = 0
        if self.world.device.type == "cpu":
            keep_memory(whole=True)
        torch.manual_seed(training.seed)  # new weights are the same in every process
        model.set_trainable(training.mode, rank=training.rank)
        model.to(self.world.device)
        self.objective = Objective(training, model)
        torch.manual_seed(training.seed + self.world.rank)
        if training.gradient_checkpointing:
            model.gradient_checkpointing(True)
        if training.compile:
            model.tower.compile()
            model.backbone.text_model.compile()
        self.parameters = {
            name: parameter
            for name, parameter in (
                *model.named_parameters(),
                *((f"objective.{name}", p) for name, p in self.objective.named_parameters()),
            )
            if parameter.requires_grad
        }
        self.optimiser = torch.optim.AdamW(self._groups(), betas=(0.9, 0.98), eps=1e-6)
        self.peaks = [group["lr"] for group in self.optimiser.param_groups]
        device = self.world.device.type
        self.scaler = torch.amp.GradScaler(device, enabled=training.precision == "fp16")
        self.average = Average(training.ema, self.parameters) if training.ema else None

    def _groups(self) -> list[dict[str, Any]]:
        training = self.training
        groups = self.model.parameter_groups(
            backbone_lr=training.backbone_lr,
            alpha_lr=training.alpha_lr,
            new_lr=training.new_lr,
            text_lr=training.text_lr,
            weight_decay=training.weight_decay,
        )
        own = list(self.objective.parameters())
        if own:
            groups.append(
                {"name": "loss", "params": own, "lr": training.new_lr, "weight_decay": 0.0}
            )
        if not groups:
            raise NothingToTrain(
                f"nothing is trained: mode {training.mode} changes the alpha slice and the head, "
                f"but guidance is {self.model.guidance}, and the head "
                f"{self.model.settings.head.kind} has no weights"
            )
        return groups

    def take(self, batch: Batch) -> Taken:
        """One optimiser step on this process's part of a joint batch.

        Raises:
            TrainingDiverged: the loss, or without fp16 its gradient, is not finite; the weights
                are left as they were.
        """
        model, training, world = self.model, self.training, self.world
        model.train()
        factor = warmup_cosine(self.step, self.steps, training.warmup)
        for group, peak in zip(self.optimiser.param_groups, self.peaks, strict=True):
            group["lr"] = peak * factor
        videos, texts = self._videos(batch.rgba), self._texts(batch.sentences)
        positives = true_pairs(
            training, batch.sentences, batch.owners, batch.rows, batch.videos, world
        )
        loss = self.objective(
            model, gathered(texts.features, world), gathered(videos.features, world), positives
        )
        if not torch.isfinite(loss):
            raise self._diverged("loss", loss.item(), batch)
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(self.scaler.scale(loss))
        self._divide_direct_gradients()
        texts.backward()
        videos.backward()
        world.sum_gradients(self.parameters.values())
        self.scaler.unscale_(self.optimiser)
        norm = nn.utils.clip_grad_norm_(self.parameters.values(), training.clip_norm).item()
        if not isfinite(norm) and training.precision != "fp16":
            raise self._diverged("gradient's norm", norm, batch)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.step += 1
        if self.average:
            self.average.update()
        return Taken(loss.item(), model.logit_scale().item(), norm, factor)

    def _videos(self, rgba: Tensor) -> Encoded:
        rgba = rgba.to(self.world.device, non_blocking=True)

        def encode(part: slice) -> Features:
            with self._cast():
                return self.model.video_features(rgba[part])

        return self._encoded(encode, len(rgba))

    def _texts(self, sentences: list[str]) -> Encoded:
        tokens = self.model.tokenize(sentences)

        def encode(part: slice) -> Features:
            with self._cast():
                return self.model.text_features(**{n: t[part] for n, t in tokens.items()})

        return self._encoded(encode, len(sentences))

    def _encoded(self, encode: Encode, count: int) -> Encoded:
        size = self.training.micro_batch
        if size is None or size >= count:
            return encode_whole(encode, count)
        return encode_in_parts(encode, count, size)

    def _cast(self) -> AbstractContextManager[Any]:
        dtype = PRECISION.get(self.training.precision)
        if dtype is None:
            return nullcontext()
        return torch.autocast(self.world.device.type, dtype)

    def _divide_direct_gradients(self) -> None:
        """Every process has the whole gradient of what the loss uses directly (the scale)."""
        if self.world.size > 1:
            for parameter in self.parameters.values():
                if parameter.grad is not None:
                    parameter.grad /= self.world.size

    def _diverged(self, what: str, value: float, batch: Batch) -> TrainingDiverged:
        videos = self.world.gather(batch.videos.to(self.world.device)).tolist()
        return TrainingDiverged(
            f"the {what} is {value} at step {self.step + 1} of {self.steps}; "
            "hint: lower the learning rates or lengthen the warm-up",
            self.step + 1,
            videos,
        )

    @contextmanager
    def for_use(self) -> Iterator[FDACLIP]:
        """The model as it is evaluated and saved: the average of the weights, if one is kept."""
        self.model.eval()
        with self.average.shown() if self.average else nullcontext():
            yield self.model
        self.model.train()

    def state(self) -> dict[str, Any]:
        """All that the next step depends on besides the recipe and the weights it started from."""
        state: dict[str, Any] = {
            "step": self.step,
            "parameters": {name: p.detach().cpu() for name, p in self.parameters.items()},
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": torch.get_rng_state(),
        }
        if torch.cuda.is_available():
            state["random_device"] = torch.cuda.get_rng_state()
        if self.average:
            state["average"] = {"steps": self.average.steps, "weights": self.average.weights}
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`.

        Raises:
            ValueError: it is of a run that trained other weights.
        """
        if state["parameters"].keys() != self.parameters.keys():
            raise ValueError("the checkpoint holds other weights than this recipe trains")
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(state["parameters"][name])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        if self.average:
            self.average.steps = state["average"]["steps"]
            for name, weights in state["average"]["weights"].items():
                self.average.weights[name].copy_(weights)
        self.step = state["step"]
        self.objective.fresh = False
        if self.world.rank == 0:
            torch.set_rng_state(state["random"])
            if torch.cuda.is_available():
                torch.cuda.set_rng_state(state["random_device"])
        else:
            torch.manual_seed(hash((self.training.seed, self.world.rank, self.step)))
