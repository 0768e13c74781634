"""One process or several: what they share, and how it comes together.

Each process encodes its part of a batch and computes the loss of the whole. That loss is the same
everywhere, so its gradient with respect to a process's own features is complete without asking the
others: true negatives from every device, gradients through the gather (what sums them over
processes in `torch.distributed.nn.all_gather` is done here by every process seeing the whole loss).
The gradients of the weights are then summed once a step.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from fdaclip.train.caching import Features


class World(Protocol):
    """The processes of a run."""

    @property
    def rank(self) -> int:
        """Which of them this is, from 0."""

    @property
    def size(self) -> int:
        """How many there are."""

    @property
    def device(self) -> torch.device:
        """Where this one computes."""

    def gather(self, tensor: Tensor) -> Tensor:
        """Everyone's [N,…] as [size·N,…] in order of rank, without gradient."""

    def gather_objects(self, values: list[Any]) -> list[Any]:
        """Everyone's values in order of rank."""

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by the sum of everyone's."""

    def wait(self) -> None:
        """Until everyone is here."""


class Alone:
    """One process."""

    rank, size = 0, 1

    def __init__(self, device: torch.device | str | None = None) -> None:
        fastest = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device or fastest)

    def gather(self, tensor: Tensor) -> Tensor:
        return tensor.detach()

    def gather_objects(self, values: list[Any]) -> list[Any]:
        return values

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        pass

    def wait(self) -> None:
        pass


class Together:
    """The processes that `accelerate launch` or `torchrun` started, through Accelerate."""

    def __init__(self) -> None:
        from datetime import timedelta

        from accelerate import Accelerator  # type: ignore[import-untyped]
        from accelerate.utils import InitProcessGroupKwargs  # type: ignore[import-untyped]

        # The others wait while the first evaluates.
        patient = InitProcessGroupKwargs(timeout=timedelta(hours=6))
        self.accelerator = Accelerator(cpu=not torch.cuda.is_available(), kwargs_handlers=[patient])

    @property
    def rank(self) -> int:
        return int(self.accelerator.process_index)

    @property
    def size(self) -> int:
        return int(self.accelerator.num_processes)

    @property
    def device(self) -> torch.device:
        device: torch.device = self.accelerator.device
        return device

    def gather(self, tensor: Tensor) -> Tensor:
        kind = tensor.dtype
        sent = tensor.detach().to(torch.uint8) if kind == torch.bool else tensor.detach()
        found: Tensor = self.accelerator.gather(sent.contiguous())
        return found.to(kind)

    def gather_objects(self, values: list[Any]) -> list[Any]:
        from accelerate.utils import gather_object

        found: list[Any] = gather_object(values)
        return found

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        for bucket in buckets(parameters):
            flat = torch.cat([gradient.flatten() for gradient in bucket])
            flat = self.accelerator.reduce(flat, reduction="sum")
            start = 0
            for gradient in bucket:
                gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
                start += gradient.numel()

    def wait(self) -> None:
        self.accelerator.wait_for_everyone()


BUCKET = 25_000_000  # numbers sent at once, 100 MB in fp32


def buckets(parameters: Iterable[nn.Parameter]) -> list[list[Tensor]]:
    """The gradients of trained parameters in groups of about `BUCKET` numbers and of one type.

    A parameter without a gradient gets one of zeros: elsewhere it may have another.
    """
    groups: list[list[Tensor]] = []
    room, kind = 0, None
    for parameter in parameters:
        if not parameter.requires_grad:
            continue
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        gradient = parameter.grad
        if room < gradient.numel() or kind != gradient.dtype:
            groups.append([])
            room, kind = BUCKET, gradient.dtype
        groups[-1].append(gradient)
        room -= gradient.numel()
    return groups


def gathered(features: Features, world: World) -> Features:
    """Everyone's features; this process's own part keeps its gradient."""
    if world.size == 1:
        return features
    whole = []
    for feature in features:
        others = list(world.gather(feature).chunk(world.size))
        others[world.rank] = feature
        whole.append(torch.cat(others))
    return tuple(whole)
