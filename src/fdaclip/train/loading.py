"""Batches, prepared by worker processes and the same whoever prepares them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fdaclip.train.pairs import Source
from fdaclip.train.plan import CLIP, Draw, Plan, share, stream

GIVEN_UP_AFTER = 10  # times the time after which a stall is told


class LoaderStalled(RuntimeError):
    """No batch came for a long time."""


@dataclass(frozen=True)
class Batch:
    """What one process encodes in a step, B clips and Q sentences.

    Attributes:
        step: counted from 0.
        rgba: uint8 [B,T,4,S,S].
        sentences: Q of them.
        videos: int64 [B], which clip each is.
        owners: int64 [Q], which clip each sentence is of.
        rows: int64 [Q], which of the B each sentence goes with.
        waited: s that training stood still for it.
    """

    step: int
    rgba: Tensor
    sentences: list[str]
    videos: Tensor
    owners: Tensor
    rows: Tensor
    waited: float


@dataclass(frozen=True)
class Loading:
    """How batches are prepared; nothing here changes what is in them.

    Attributes:
        workers: processes; 0 prepares each batch when it is asked for.
        prefetch: batches that each prepares ahead.
        stall: s without a batch until `on_stall` is told, and again each time as long; with
            workers it is an error after ten times that.
        on_stall: called from another thread with a line for people.
    """

    workers: int = 0
    prefetch: int = 2
    stall: float = 60.0
    on_stall: Callable[[str], None] = lambda line: None


def batches(
    source: Source,
    plan: Plan,
    first: int,
    last: int,
    loading: Loading,
    *,
    rank: int = 0,
    processes: int = 1,
) -> Iterator[Batch]:
    """The batches of steps first, …, last − 1, of one of several processes.

    Raises:
        LoaderStalled: no batch came for ten times `loading.stall`; its videos are named.
        fdaclip.video.VideoError: of a file that cannot be read.
    """
    steps = range(first, last)
    workers = min(loading.workers, len(steps))
    loader: Any = torch.utils.data.DataLoader(
        _Batches(source, plan, rank, processes),
        sampler=steps,
        batch_size=None,  # an item is a whole batch
        num_workers=workers,
        prefetch_factor=loading.prefetch if workers else None,
        timeout=loading.stall * GIVEN_UP_AFTER if workers else 0,
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=_start if workers else None,
        pin_memory=workers > 0 and torch.cuda.is_available(),
    )
    with torch.random.fork_rng(devices=[]):  # a loader draws a seed that nobody here uses
        found = iter(loader)
    for step in steps:
        began = time.monotonic()

        def told(seconds: float, step: int = step) -> str:
            names = [source.name(row.video) for row in share(plan.at(step), rank, processes)]
            more = f" and {len(names) - 6} more" if len(names) > 6 else ""
            return f"no batch for {seconds:.0f} s at step {step + 1}: {', '.join(names[:6])}{more}"

        received: list[tuple[Tensor, list[str], Tensor, Tensor, Tensor]] = []
        with watched(loading, told):
            try:
                received.append(next(found))
            except RuntimeError as error:
                if "timed out" not in str(error):
                    raise
                raise LoaderStalled(
                    f"{told(loading.stall * GIVEN_UP_AFTER)}; "
                    "hint: fdaclip data check finds files that cannot be read"
                ) from error
        waited = time.monotonic() - began
        # Popped, so that no name here keeps this batch in memory while the next one comes.
        yield Batch(step, *received.pop(), waited=waited)


class _Batches(torch.utils.data.Dataset[Any]):
    """Step → the batch of one process."""

    def __init__(self, source: Source, plan: Plan, rank: int, processes: int) -> None:
        self.source, self.plan, self.rank, self.processes = source, plan, rank, processes

    def __getitem__(self, step: int) -> tuple[Tensor, list[str], Tensor, Tensor, Tensor]:
        rows = share(self.plan.at(step), self.rank, self.processes)
        captions = self.source.captions
        clips = np.stack([self._clip(row) for row in rows])
        said = [(n, row, s) for n, row in enumerate(rows) for s in row.sentences]
        return (
            torch.from_numpy(clips),
            [captions[row.video][s] for _, row, s in said],
            torch.tensor([row.video for row in rows]),
            torch.tensor([row.video for _, row, _ in said]),
            torch.tensor([n for n, _, _ in said]),
        )

    def _clip(self, row: Draw) -> np.ndarray[Any, np.dtype[np.uint8]]:
        rng = stream(self.plan.seed, CLIP, row.epoch, row.video, row.sentences[0])
        caption = " ".join(self.source.captions[row.video][s] for s in row.sentences)
        return self.source.draw(row.video, rng, caption)


def _start(worker: int) -> None:
    torch.set_num_threads(1)


@contextmanager
def watched(loading: Loading, told: Callable[[float], str]) -> Iterator[None]:
    """Tells `loading.on_stall` what `told` makes of the seconds, as long as the block lasts."""
    done = threading.Event()

    def watch() -> None:
        waited = 0.0
        while not done.wait(loading.stall):
            waited += loading.stall
            loading.on_stall(told(waited))

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()
