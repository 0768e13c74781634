"""Batches are the same whoever prepares them, and a stall is told."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fdaclip.train import LoaderStalled, Loading
from fdaclip.train.loading import Batch, batches
from fdaclip.train.plan import Plan

sys.path.insert(0, str(Path(__file__).parent))

from small import coloured


def same(a: Batch, b: Batch) -> bool:
    tensors = ("rgba", "videos", "owners", "rows")
    return a.sentences == b.sentences and all(
        torch.equal(getattr(a, name), getattr(b, name)) for name in tensors
    )


def test_workers_prepare_what_this_process_would() -> None:
    source, plan = coloured(shift=2), Plan((2,) * 16, 4, each=2, seed=5)
    here = list(batches(source, plan, 0, 6, Loading()))
    there = list(batches(source, plan, 0, 6, Loading(workers=1)))
    later = list(batches(source, plan, 4, 6, Loading()))
    assert all(same(a, b) for a, b in zip(here, there, strict=True))
    assert all(same(a, b) for a, b in zip(here[4:], later, strict=True))
    assert [batch.step for batch in later] == [4, 5]
    assert here[0].rgba.shape == (4, 2, 4, 16, 16) and len(here[0].sentences) == 8
    assert here[0].owners.tolist() == here[0].videos[here[0].rows].tolist()


def test_a_clip_is_moved_anew_each_epoch() -> None:
    source, plan = coloured(1, shift=2), Plan((2,) * 4, 4)
    first, second = (
        {int(v): clip for v, clip in zip(batch.videos, batch.rgba, strict=True)}
        for batch in batches(source, plan, 0, 2, Loading())
    )
    assert any(not torch.equal(first[v], second[v]) for v in first)


def test_two_processes_load_the_joint_batch() -> None:
    source, plan = coloured(shift=1), Plan((2,) * 16, 8, each=2)
    (whole,) = batches(source, plan, 3, 4, Loading())
    parts = [
        next(batches(source, plan, 3, 4, Loading(), rank=rank, processes=2)) for rank in range(2)
    ]
    assert torch.equal(torch.cat([part.rgba for part in parts]), whole.rgba)
    assert [said for part in parts for said in part.sentences] == whole.sentences


@dataclass(frozen=True)
class Slow:
    """A source whose clips take their time."""

    seconds: float
    captions: tuple[tuple[str, ...], ...] = (("a",), ("b",), ("c",), ("d",))

    def name(self, index: int) -> str:
        return f"film{index}.mp4"

    def draw(self, index: int, rng: np.random.Generator, caption: str) -> NDArray[np.uint8]:
        time.sleep(self.seconds)
        return np.zeros((1, 4, 2, 2), np.uint8)


def test_a_slow_batch_is_told_with_its_videos() -> None:
    said: list[str] = []
    loading = Loading(stall=0.05, on_stall=said.append)
    (batch,) = batches(Slow(0.06), Plan((1,) * 4, 2), 0, 1, loading)
    assert said and said[0].startswith("no batch for 0 s at step 1: film")
    assert batch.waited > 0.1
    said.clear()
    list(batches(Slow(0), Plan((1,) * 4, 2), 0, 2, Loading(stall=5, on_stall=said.append)))
    assert said == []


def test_a_stalled_worker_is_an_error_that_names_the_videos() -> None:
    loading = Loading(workers=1, stall=0.3)
    with pytest.raises(LoaderStalled, match=r"no batch for 3 s at step 1: film\d.*data check"):
        next(batches(Slow(60), Plan((1,) * 4, 2), 0, 1, loading))
