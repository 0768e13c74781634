"""What guidance and pruning give and cost: accuracy on moving shapes, and frames a second.

    fdaclip ablate recipes/shapes-guidance.yaml      # the models, about a quarter of an hour
    python benchmarks/guidance.py [--only speed] [--rounds 5] [--out build/bench/guidance.json]

`test`: the models that were trained without any mask are guided at test alone, by a bias on the
class token's attention, by dropping patches, and by both; R@1 of each seed, beside those that were
trained that way. `speed`: the image tower of ViT-B/32 and B/16 with random weights, 12 frames a
pass; all shares of a runtime take turns within one run and are compared turn by turn.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np
import torch

from fdaclip.evaluate import evaluate
from fdaclip.model import FDACLIP
from fdaclip.model.attention import AttentionBias
from fdaclip.model.prune import Prune
from fdaclip.train.ablation import Cell, cells
from fdaclip.train.corpus import clips_of, read_splits
from fdaclip.train.reading import read_recipe, vary
from fdaclip.train.session import identity
from random_clip import random_clip

RECIPE = Path(__file__).parent.parent / "recipes" / "shapes-guidance.yaml"
KEEPS = (1.0, 0.75, 0.5, 0.25)
FRAMES = 12
AT_TEST: dict[str, dict[str, Any]] = {
    "nothing": {},
    **{f"attention, floor {e:g}": {"attention": AttentionBias(e)} for e in (0.3, 0.1, 0.03)},
    "attention, last layer": {"attention": AttentionBias(0.1, (-1,))},
    **{f"keep {k:g}": {"prune": Prune(k)} for k in KEEPS[1:]},
    **{f"keep {k:g}, merged": {"prune": Prune(k, merge=True)} for k in KEEPS[1:]},
    **{
        f"keep {k:g}, attention": {"prune": Prune(k), "attention": AttentionBias(0.1)}
        for k in KEEPS[1:]
    },
}


def guided_at_test(runs: Path) -> dict[str, Any]:
    """R@1 of every seed: the blind models guided at test, and those trained with guidance."""
    recipe = read_recipe(RECIPE)
    grid = {cell.label["told by"]: cell for cell in cells(recipe)}
    blind = folders(grid["nothing"], runs)
    model = FDACLIP.from_pretrained(blind[0])
    test = read_splits(recipe.data).test
    assert test is not None
    clips = clips_of(test, model, recipe.data)
    rgba = [clips[number] for number in range(len(clips))]
    captions = [record.captions for record in test.records]

    def r1(folder: Path, **ways: Any) -> float:
        scored = evaluate(FDACLIP.from_pretrained(folder, **ways), rgba, captions)
        return float(scored["text_to_video"]["r1"])

    at_test = {name: [r1(folder, **ways) for folder in blind] for name, ways in AT_TEST.items()}
    trained = {name: [r1(folder) for folder in folders(cell, runs)] for name, cell in grid.items()}
    print(f"\nR@1 on {len(rgba)} clips of moving shapes, mean ± deviation over seeds")
    for title, table in (("guided at test only", at_test), ("trained so", trained)):
        print(f"  {title}")
        for name, values in table.items():
            print(f"    {name:28}{mean(values):6.1f} ± {stdev(values):.1f}")
    return {"at_test": at_test, "trained": trained}


def folders(cell: Cell, runs: Path) -> list[Path]:
    """The chosen weights of each seed of a cell."""
    found = []
    for seed in read_recipe(RECIPE).ablation.seeds:
        folder = runs / identity(vary(cell.recipe, {"training.seed": seed})) / "best"
        if not folder.is_dir():
            raise SystemExit(f"{folder} is not there; first: fdaclip ablate {RECIPE}")
        found.append(folder)
    return found


def speed(rounds: int, patches: list[int], runtimes: list[str]) -> list[dict[str, Any]]:
    """Frames a second at each share of the patches, by backbone and runtime."""
    rows = []
    for patch in patches:
        for runtime in runtimes:
            make = RUNTIMES[runtime]
            with tempfile.TemporaryDirectory() as folder:
                passes = {keep: make(patch, keep, Path(folder)) for keep in KEEPS}
                spent: dict[float, list[float]] = {keep: [] for keep in KEEPS}
                for turn in range(rounds + 1):  # the first warms up
                    for keep, one in passes.items():
                        began = time.perf_counter()
                        one()
                        if turn:
                            spent[keep].append(time.perf_counter() - began)
            for keep, times in spent.items():
                ratio = median(a / b for a, b in zip(spent[1.0], times, strict=True))
                rows.append(
                    {
                        "backbone": f"ViT-B/{patch}",
                        "runtime": runtime,
                        "keep": keep,
                        "frames_per_second": round(FRAMES / median(times), 1),
                        "times_whole": round(ratio, 2),
                    }
                )
                print(
                    f"  ViT-B/{patch}  {runtime:11} keep {keep:<5g}"
                    f"{FRAMES / median(times):7.1f} frames/s  {ratio:5.2f} x",
                    flush=True,
                )
    return rows


def clip_with_motion() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Random frames in which a disc moves, uint8 [T,4,224,224]."""
    rng = np.random.default_rng(0)
    rgba = rng.integers(0, 256, (FRAMES, 4, 224, 224), dtype=np.uint8)
    y, x = np.mgrid[:224, :224]
    for t in range(FRAMES):
        rgba[t, 3] = 255 * ((y - 112) ** 2 + (x - 12 * t - 40) ** 2 < 40**2)
    return rgba


def in_torch(patch: int, keep: float, folder: Path) -> Callable[[], Any]:
    model, rgba = random_clip(patch, prune=Prune(keep)), clip_with_motion()
    return lambda: model.encode_rgba([rgba])


def in_onnx(patch: int, keep: float, folder: Path) -> Callable[[], Any]:
    from fdaclip.model import load_encoder
    from fdaclip.model.runtimes.export import export_model

    place = folder / f"{patch}-{keep:g}"
    export_model(random_clip(patch, prune=Prune(keep)), place, runtime="onnx", precision="int8")
    encoder, rgba = load_encoder(place), clip_with_motion()
    return lambda: encoder.encode_rgba([rgba])


RUNTIMES = {"torch fp32": in_torch, "onnx int8": in_onnx}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", choices=["test", "speed"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--patches", type=int, nargs="+", default=[32, 16], help="of ViT-B, px")
    parser.add_argument("--runtimes", nargs="+", choices=RUNTIMES, default=[*RUNTIMES])
    parser.add_argument("--runs", type=Path, default=Path("build/ablations/shapes-guidance/runs"))
    parser.add_argument("--out", type=Path, default=Path("build/bench/guidance.json"))
    arguments = parser.parse_args()
    found = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    if arguments.only != "speed":
        found["test"] = guided_at_test(arguments.runs)
    if arguments.only != "test":
        print(f"\nimage tower, {FRAMES} frames a pass")
        found["speed"] = speed(arguments.rounds, arguments.patches, arguments.runtimes)
    found["processors"] = os.cpu_count()
    found["versions"] = {name: version(name) for name in ("torch", "onnxruntime")}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=2) + "\n")
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()
