"""Windows side by side: every one comes back once, with its own vector, and few are held."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fdaclip.model.lanes import BATCH, Lanes, OnDevice, one_thread


def window(number: int, frames: int = 2) -> NDArray[np.uint8]:
    return np.full((frames, 4, 8, 8), number % 256, np.uint8)


class Slow:
    """Its vector is the window's number; counts how many are at work at once."""

    def __init__(self, seconds: float = 0.01) -> None:
        self.seconds, self.lock = seconds, threading.Lock()
        self.now = self.most = 0
        self.sizes: list[int] = []

    def encode_rgba(self, clips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.sizes.append(len(clips))
        time.sleep(self.seconds * (1 + clips[0][0, 0, 0, 0] % 3))
        with self.lock:
            self.now -= 1
        return np.stack([np.full(3, clip[0, 0, 0, 0], np.float32) for clip in clips])


def through(lanes: Lanes[int], count: int) -> dict[int, float]:
    """Puts so many windows through as ingest does; what came out."""
    found: dict[int, float] = {}
    most = 0
    for number in range(count):
        lanes.submit(number, window(number))
        most = max(most, number + 1 - len(found))
        while lanes.full:
            lanes.wait()
            found |= {item: float(vector[0]) for item, vector in lanes.collect()}
    found |= {item: float(vector[0]) for item, vector in lanes.rest()}
    lanes.close()
    assert most <= lanes._limit, "what is held is bounded"
    return found


@pytest.mark.parametrize("count", [1, 2, 3])
def test_each_window_comes_back_once_with_its_vector(count: int) -> None:
    encoder = Slow()
    assert through(Lanes(encoder, count), 30) == {n: float(n) for n in range(30)}  # type: ignore[arg-type]
    assert encoder.most == count, "as many at once as there are lanes"
    assert set(encoder.sizes) == {1}, "one window a pass"


def test_what_the_encoder_raises_is_raised_where_windows_are_collected() -> None:
    class Broken(Slow):
        def encode_rgba(self, clips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
            raise RuntimeError("no such thing")

    lanes: Lanes[int] = Lanes(Broken(), 2)  # type: ignore[arg-type]
    lanes.submit(0, window(0))
    with pytest.raises(RuntimeError, match="no such thing"):
        list(lanes.rest())
    lanes.close()


def test_torch_has_one_thread_in_a_lane_and_what_it_had_elsewhere() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    seen: list[int] = []

    class Asked(Slow):
        def encode_rgba(self, clips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
            seen.append(torch.get_num_threads())
            return super().encode_rgba(clips)

    try:
        through(Lanes(Asked(0), 2), 6)  # type: ignore[arg-type]
        assert set(seen) == {1} and torch.get_num_threads() == 2
        thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert seen[-1] == 2, "also in threads that come later"
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


class Towered:
    """Stands for a model on a device: a fixed projection of the mean colours."""

    embedding_size = 5

    def __init__(self, kind: str) -> None:
        self.device = SimpleNamespace(type=kind) if kind != "cpu" else torch.device("cpu")
        self.weights = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
        self.sizes: list[int] = []

    def encode_frames(self, rgba: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(rgba))
        means = rgba.float().mean((1, 3, 4)) + 1  # [B,4]
        return torch.nn.functional.normalize(means @ self.weights, dim=-1)


def test_batches_for_a_device_are_the_same_windows() -> None:
    rng = np.random.default_rng(0)
    clips = [rng.integers(0, 256, (t, 4, 6, 6), np.uint8) for t in (3, 2, 3, 3, 2, 5)]
    model = Towered("cpu")
    batched = OnDevice(model)(clips)
    assert sorted(model.sizes) == [1, 2, 3], "windows of one length share a pass"
    alone = np.concatenate([OnDevice(model)([clip]) for clip in clips])
    np.testing.assert_allclose(batched, alone, atol=1e-6)


def test_on_a_gpu_windows_of_several_videos_share_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Towered("stand-in")
    sizes: list[int] = []

    def device(_: object) -> object:
        slow = Slow(0)
        slow.sizes = sizes
        return slow.encode_rgba

    monkeypatch.setattr("fdaclip.model.lanes.OnDevice", device)
    count = 5 * BATCH + 3
    found = through(Lanes(model, 2), count)  # type: ignore[arg-type]
    assert found == {n: float(n % 256) for n in range(count)}
    assert sorted(sizes) == [3] + [BATCH] * 5
