"""Encoding several windows side by side while others decode.

Shapes: T frames, S×S pixels, E embedding.

On a processor a window is a pass of its own on one thread, in as many lanes as there are
processors: two threads that share a pass wait for each other, and for whoever decodes meanwhile. On
a GPU a pass takes windows of several videos, and two lanes take turns: the pixels of one travel
while the other is computed.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from time import perf_counter, thread_time
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from .encoder import Encoder
from .memory import keep_memory

BATCH = 32  # windows a pass on a GPU
TURNS = 2  # lanes on a GPU

Item = TypeVar("Item")
Pixels = NDArray[np.uint8]
Vectors = NDArray[np.float32]


class Lanes(Generic[Item]):
    """Windows go in with a name tag, and come out as vectors, not always in that order.

    Args:
        encoder: whose `encode_rgba` may be called from several threads.
        count: lanes on a processor.
    """

    def __init__(self, encoder: Encoder, count: int) -> None:
        device = getattr(encoder, "device", None)
        self._gpu = getattr(device, "type", "cpu") not in ("cpu", "meta")
        self._encode: Callable[[Sequence[Pixels]], Vectors] = (
            OnDevice(encoder) if self._gpu else encoder.encode_rgba
        )
        self._batch = BATCH if self._gpu else 1
        lanes = TURNS if self._gpu else count
        self._limit = 2 * lanes * self._batch  # what is computed, and as much again that waits
        self._waiting: list[tuple[Item, Pixels]] = []
        self._running: deque[tuple[list[Item], Future[tuple[Vectors, float]]]] = deque()
        self._within = 0
        self._threads = _torch_threads()
        if self._threads:
            keep_memory()  # torch's; other runtimes have memory of their own
        self._pool = ThreadPoolExecutor(lanes, "lane", initializer=single_thread)
        self.seconds = 0.0  # spent encoding, all lanes together; on a processor its own time only

    @property
    def full(self) -> bool:
        """Nothing more should go in before something has come out."""
        return self._within >= self._limit

    def submit(self, item: Item, rgba: Pixels) -> None:
        """A window uint8 [T,4,S,S]; never waits."""
        self._within += 1
        self._waiting.append((item, rgba))
        if len(self._waiting) >= self._batch:
            self._send()

    def wait(self) -> None:
        """Until one that runs is done. Can be interrupted without loss."""
        wait([future for _, future in self._running], return_when=FIRST_COMPLETED)

    def collect(self) -> list[tuple[Item, NDArray[np.float32]]]:
        """The windows that are done since the last time, each with its vector float32 [E].

        Raises:
            whatever the encoder raises.
        """
        done: list[tuple[Item, NDArray[np.float32]]] = []
        for _ in range(len(self._running)):
            items, future = self._running.popleft()
            if not future.done():
                self._running.append((items, future))
                continue
            self._within -= len(items)
            vectors, seconds = future.result()
            self.seconds += seconds
            done += zip(items, vectors, strict=True)
        return done

    def rest(self) -> Iterator[tuple[Item, NDArray[np.float32]]]:
        """All that are still within, as they are done."""
        if self._waiting:
            self._send()
        while self._running:
            self.wait()
            yield from self.collect()

    def close(self) -> None:
        """Drop what has not begun; what runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._threads:
            sys.modules["torch"].set_num_threads(self._threads)

    def _send(self) -> None:
        some, self._waiting = self._waiting, []
        future = self._pool.submit(self._pass, [rgba for _, rgba in some])
        self._running.append(([item for item, _ in some], future))

    def _pass(self, clips: list[Pixels]) -> tuple[Vectors, float]:
        clock = perf_counter if self._gpu else thread_time
        began = clock()
        return self._encode(clips), clock() - began


class OnDevice:
    """Passes of several windows on a GPU: pinned memory, a copy that overlaps, a stream a thread.

    A vector may differ in its last bits with the company its window has in a pass.

    Args:
        encoder: has a torch ``device`` and ``encode_frames``, uint8 [B,T,4,S,S] → float32 [B,E].
    """

    def __init__(self, encoder: Any) -> None:
        import torch

        self._torch, self._encoder = torch, encoder
        self._cuda = encoder.device.type == "cuda"
        self._own = threading.local()

    def __call__(self, clips: Sequence[Pixels]) -> Vectors:
        """uint8 [T,4,S,S] each, T may differ → float32 [V,E]."""
        vectors = np.empty((len(clips), self._encoder.embedding_size), np.float32)
        shapes = [clip.shape for clip in clips]
        with self._torch.inference_mode(), self._stream():
            for shape in dict.fromkeys(shapes):
                alike = [index for index, other in enumerate(shapes) if other == shape]
                pixels = self._pixels((len(alike), *shape))
                for place, index in enumerate(alike):
                    pixels[place] = self._torch.from_numpy(np.array(clips[index], order="C"))
                there = pixels.to(self._encoder.device, non_blocking=True)
                # fetching the result waits for this stream, so the pinned memory is free again
                vectors[alike] = self._encoder.encode_frames(there).float().cpu().numpy()
        return vectors

    def _pixels(self, shape: tuple[int, ...]) -> Any:
        """This thread's memory for a batch, uint8 of this shape."""
        need = int(np.prod(shape))
        held = getattr(self._own, "memory", None)
        if held is None or held.numel() < need:
            held = self._torch.empty(need, dtype=self._torch.uint8, pin_memory=self._cuda)
            self._own.memory = held
        return held[:need].view(shape)

    def _stream(self) -> Any:
        if not self._cuda:
            return nullcontext()
        cuda, device = self._torch.cuda, self._encoder.device
        if not hasattr(self._own, "stream"):
            self._own.stream = cuda.Stream(device)
        self._own.stream.wait_stream(cuda.default_stream(device))  # the weights came over there
        return cuda.stream(self._own.stream)


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch, if it is loaded, uses one thread of this one meanwhile."""
    before = _torch_threads()
    single_thread()
    try:
        yield
    finally:
        if before:
            sys.modules["torch"].set_num_threads(before)


def single_thread() -> None:
    """Torch, if it is loaded, uses one thread where this one computes."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def processors() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _torch_threads() -> int:
    """What torch uses here; 0 if it is not loaded."""
    return int(sys.modules["torch"].get_num_threads()) if "torch" in sys.modules else 0
