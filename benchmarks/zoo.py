"""Speed and memory of every backbone of the zoo, in its true size, with random weights.

    python benchmarks/zoo.py [NAME ...] [--seconds 10] [--out build/bench/zoo.json] [--keep]

Each is built and measured in a process of its own, so that memory is its own: both towers in
float32, then passes of 12 RGBA frames through the image tower, on the threads that torch takes by
itself. The first pass warms up, unless it took all the seconds. `--keep` writes the figures into
the zoo, from where `fdaclip models` has them, and docs/backbones.md after docs/make_backbones.py;
figures of another machine are dropped then.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from fdaclip.model.zoo import ZOO, Backbone
from fdaclip.model.zoo.reading import FOLDER, MEASURED
from machine import processor

FRAMES = 12


def main() -> None:
    parser = argparse.ArgumentParser(description="speed and memory of the zoo's backbones")
    parser.add_argument("names", nargs="*", help="of the zoo; all if none is named")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each, about")
    parser.add_argument("--out", type=Path, default=Path("build/bench/zoo.json"))
    parser.add_argument("--keep", action="store_true", help="write the figures into the zoo")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    chosen = [b for b in ZOO if not options.names or b.name in options.names]
    if options.one:
        print(json.dumps(measure(chosen[0], options.seconds)))
        return
    rows = {}
    print(f"{'name':18}{'GFLOP':>8}{'frames/s':>10}{'GFLOP/s':>9}{'memory':>9}")
    for backbone in chosen:
        row = in_a_process(backbone, options.seconds)
        rows[backbone.name] = row
        work = 2 * backbone.multiply_adds / 1e9
        speed, memory = row["frames_per_s"], row["memory_bytes"] / 1e9
        print(
            f"{backbone.name:18}{work:8.1f}{speed:10.2f}{work * speed:9.0f}{memory:7.2f} GB",
            flush=True,
        )
    write(options.out, rows)
    if options.keep:
        write(FOLDER / MEASURED, rows)


def in_a_process(backbone: Backbone, seconds: float) -> dict[str, Any]:
    """`measure` in a fresh process."""
    line = [sys.executable, __file__, backbone.name, "--one", "--seconds", str(seconds)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(backbone: Backbone, seconds: float) -> dict[str, Any]:
    """Frames a second and peak memory of this process."""
    import torch
    from transformers.initialization import no_init_weights

    from fdaclip.model.backbone import build_backbone, quiet, widen
    from fdaclip.model.families.configs import config_of
    from fdaclip.model.normalise import Normalise
    from fdaclip.model.preprocess import Preprocess
    from fdaclip.model.settings import Settings
    from fdaclip.model.tower import FrameTower

    with quiet(), no_init_weights():
        model = build_backbone(config_of(backbone)).eval()
    widen(model, "alpha")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-0.02, 0.02)  # numbers as small as trained ones: none overflows
    size = backbone.image_size
    tower = FrameTower(model, Normalise(Preprocess(size)), Settings()).eval()
    rgba = torch.randint(0, 256, (FRAMES, 4, size, size), dtype=torch.uint8)
    taken: list[float] = []
    with torch.inference_mode():
        while sum(taken) < seconds:
            began = time.perf_counter()
            tower(rgba)
            taken.append(time.perf_counter() - began)
    passes = taken[1:] or taken  # the first warms up
    return {
        "frames_per_s": round(FRAMES / median(passes), 2),
        "memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def write(path: Path, rows: dict[str, Any]) -> None:
    """The figures and what they were measured on; those of this machine that are there stay."""
    import torch

    threads = torch.get_num_threads()
    machine = f"{processor()}, {threads} threads, torch {torch.__version__.partition('+')[0]}"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if before.get("machine") == machine:
        rows = before["backbones"] | rows
    content = {"machine": machine, "frames": FRAMES, "backbones": dict(sorted(rows.items()))}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
