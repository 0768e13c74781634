"""What a GPU adds: image towers in bf16 against the card's own peak, a training step, decoding.

    python benchmarks/gpu.py [--out build/bench/gpu.json]
    python benchmarks/gpu.py --dry     # the same code on the processor, with a tiny tower

For ViT-B/32, B/16 and L/14 of the true shapes with random values:

- the tower alone, pixels on the card, frames a second, and its FLOP as a share of what bf16 matrix
  products reach on this card;
- the same from memory, as indexing does it: pinned batches, two lanes;
- the hundred clips of `mixed_clips.py` through `Library.add`: as fast as the lanes means that
  decoding keeps ahead of the card;
- a training step on 128 videos of 12 frames, gradient caching in parts, bf16.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from fdaclip.library import Library
from fdaclip.model import FDACLIP, load_encoder
from fdaclip.model.lanes import BATCH, TURNS, Lanes
from fdaclip.train import Training
from fdaclip.train.loading import Batch
from fdaclip.train.trainer import Trainer
from fdaclip.train.world import Alone
from flop import tower_flop
from machine import machine
from mixed_clips import FOLDER, MIX, make, plan
from peers import FRAMES, SIDE, save_weights

WINDOW = 60.0  # s: every clip is one moment


@dataclass(frozen=True)
class Shape:
    """A tower: patch in px, width, layers; videos a part of a training step."""

    name: str
    patch: int
    width: int
    layers: int
    part: int


SHAPES = (
    Shape("ViT-B/32", 32, 768, 12, 32),
    Shape("ViT-B/16", 16, 768, 12, 16),
    Shape("ViT-L/14", 14, 1024, 24, 4),
)
TINY = (Shape("tiny", 32, 64, 1, 2),)


@dataclass(frozen=True)
class Scale:
    """How much is done: videos a pass, passes, side of the matrix, videos a step, clips, where."""

    batch: int
    passes: int
    size: int
    step: int
    mix: dict[str, dict[int, int]]
    clips: Path


FULL = Scale(BATCH, 20, 8192, 128, MIX, FOLDER)
DRY = Scale(2, 2, 256, 4, {"MPEG-4": {240: 2}}, FOLDER.with_name("two-clips"))


def seconds(work: Callable[[], Any], rounds: int, device: torch.device) -> float:
    """Median of `rounds`, after one that warms up; waits for the card."""
    spent = []
    for number in range(rounds + 1):
        began = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if number:
            spent.append(time.perf_counter() - began)
    return median(spent)


def bf16_peak(size: int, device: torch.device) -> float:
    """FLOP/s of bf16 matrix products on the card."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * size**3 / seconds(lambda: a @ b, 20, device)


def random_rgba(*shape: int) -> torch.Tensor:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 4, SIDE, SIDE), dtype=np.uint8)
    return torch.from_numpy(pixels)


def measure(
    shape: Shape, scale: Scale, device: torch.device, peak: float, folder: Path
) -> dict[str, Any]:
    """All figures of one tower."""
    name = shape.name.lower().replace("/", "").replace("vit", "clip")
    weights = save_weights(folder / name, shape.patch, shape.width, shape.layers)
    flop = tower_flop(shape.patch, shape.width, shape.layers)
    found = encoding(weights, scale, device, folder)
    return {
        "share_of_peak": round(found["frames_per_second"] * flop / peak, 4),
        **{what: round(value, 2) for what, value in found.items()},
        "training_step_seconds": round(training_step(weights, shape, scale, device), 3),
    }


def encoding(weights: Path, scale: Scale, device: torch.device, folder: Path) -> dict[str, float]:
    """The tower alone, the lanes, and indexing."""
    encoder: Any = load_encoder(weights, runtime="torch", precision="bf16", device=device.type)
    there = random_rgba(scale.batch, FRAMES).to(device)
    with torch.inference_mode():
        one = seconds(lambda: encoder.encode_frames(there), scale.passes, device)
    many = seconds(lambda: through_lanes(encoder, scale), 3, device)
    return {
        "frames_per_second": scale.batch * FRAMES / one,
        "frames_per_second_from_memory": scale.passes * scale.batch * FRAMES / many,
        "encode_videos_per_second": scale.passes * scale.batch / many,
        "index_videos_per_second": added(encoder, scale, folder),
    }


def through_lanes(encoder: Any, scale: Scale) -> None:
    """Batches of videos from memory to vectors, as indexing sends them."""
    rgba = random_rgba(FRAMES).numpy()
    lanes: Lanes[int] = Lanes(encoder, TURNS)
    try:
        for number in range(scale.passes * scale.batch):
            while lanes.full:
                lanes.wait()
                lanes.collect()
            lanes.submit(number, rgba)
        exhaust(lanes.rest())
    finally:
        lanes.close()


def exhaust(some: Iterable[Any]) -> None:
    for _ in some:
        pass


def added(encoder: Any, scale: Scale, folder: Path) -> float:
    """Videos a second through a library, the first of two runs not counted."""
    paths = make(scale.clips, plan(scale.mix))
    spent = 0.0
    for some in (paths[:1], paths):
        place = folder / "gpu-library"
        shutil.rmtree(place, ignore_errors=True)
        began = time.perf_counter()
        Library(place, encoder, model="benchmark", window=WINDOW, shots=False).add(some)
        spent = time.perf_counter() - began
        shutil.rmtree(place)
    return len(paths) / spent


def training_step(weights: Path, shape: Shape, scale: Scale, device: torch.device) -> float:
    """Seconds of an optimiser step on a whole batch that is in memory."""
    training = Training(steps=100, batch=scale.step, micro_batch=shape.part, precision="bf16")
    trainer = Trainer(FDACLIP.from_pretrained(weights), training, 100, Alone(device))
    each = torch.arange(scale.step)
    batch = Batch(
        step=0,
        rgba=random_rgba(scale.step, FRAMES),
        sentences=[f"{number}" for number in range(scale.step)],
        videos=each,
        owners=each,
        rows=each,
        waited=0.0,
    )
    return seconds(lambda: trainer.take(batch), 3, device)


def main() -> None:
    parser = argparse.ArgumentParser(description="towers and training in bf16 on a GPU")
    parser.add_argument("--dry", action="store_true", help="a tiny tower, on the processor")
    parser.add_argument("--out", type=Path, default=Path("build/bench/gpu.json"))
    options = parser.parse_args()
    if not options.dry and not torch.cuda.is_available():
        raise SystemExit("there is no GPU that torch can use; hint: --dry tries the code without")
    device = torch.device("cpu" if options.dry else "cuda")
    scale = DRY if options.dry else FULL
    peak = bf16_peak(scale.size, device)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {
        "device": "the processor" if options.dry else torch.cuda.get_device_name(),
        "bf16_peak_tflops": round(peak / 1e12, 3),
        "towers": {},
        "machine": machine(),
    }
    for shape in TINY if options.dry else SHAPES:
        found["towers"][shape.name] = measure(shape, scale, device, peak, options.out.parent)
        print(shape.name, found["towers"][shape.name], flush=True)
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
