"""Do anchored frames rank as exact ones do? Sentence to clip on moving shapes, the demo's models.

    fdaclip demo --out build/demo
    python benchmarks/anchored.py [--demo build/demo] [--out build/bench/anchored.json]

The test clips are written anew with a keyframe every so many frames, and read both ways by the
models that were shown the mask. Those were trained on the frames at the centres of the two halves
of a clip, the only moments at which all four shapes are at home: keyframes elsewhere show them
another world, so this is the hardest case there is.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from fdaclip.data import Record, shapes
from fdaclip.data.frames import Frames, load
from fdaclip.evaluate import evaluate
from fdaclip.model import FDACLIP
from fdaclip.video import open_video, write_video

RATE = 12  # frames/s of the clips
KEYFRAMES = (None, 6, 12)  # frames from one to the next; None: one at the start


def main() -> None:
    parser = argparse.ArgumentParser(description="ranking with anchored frames beside exact ones")
    parser.add_argument("--demo", type=Path, default=Path("build/demo"))
    parser.add_argument("--out", type=Path, default=Path("build/bench/anchored.json"))
    options = parser.parse_args()
    models = sorted((options.demo / "models").glob("mask-*"))
    if not models:
        raise SystemExit(f"no models in {options.demo}; first: fdaclip demo --out {options.demo}")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        plan = shapes.plan({"train": 500, "test": 38})["test"]
        drawn = shapes.write(plan, Path(scratch) / "drawn")
        for every in KEYFRAMES:
            records = drawn if every is None else keyed(drawn, every, Path(scratch))
            label = "at the start" if every is None else f"every {every / RATE:g} s"
            for anchored in (False, True):
                r1 = [ranked(model, records, anchored) for model in models]
                rows.append({"keyframes": label, "anchored": anchored, "r1": r1})
                way = "anchored" if anchored else "exact"
                told = ", ".join(f"{value:.1f}" for value in r1)
                print(f"keyframe {label:14} {way:9} R@1 {mean(r1):5.1f}  ({told})", flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(rows, indent=2) + "\n")


def keyed(records: Sequence[Record], every: int, folder: Path) -> list[Record]:
    """The same clips with a keyframe every so many frames."""
    written = []
    for record in records:
        path = folder / f"{every}-{record.path.name}"
        with open_video(record.path) as video:
            pictures = (picture for _, picture in video.iter_frames())
            write_video(path, pictures, RATE, keyframe_interval=every)
        written.append(replace(record, path=path))
    return written


def ranked(folder: Path, records: Sequence[Record], anchored: bool) -> float:
    """R@1, sentence to clip."""
    model = FDACLIP.from_pretrained(folder)
    sampling = replace(model.sampling, anchored=anchored)
    side = model.preprocess.decode_short_side
    rgba = load(records, Frames(sampling, model.motion, model.preprocess, side))
    found = evaluate(model, list(rgba), [record.captions for record in records])
    return float(np.round(found["text_to_video"]["r1"], 1))


if __name__ == "__main__":
    main()
