"""Does int8 rank as fp32 does? Sentence to clip on moving shapes, with the demo's trained models.

    fdaclip demo --out build/demo
    python benchmarks/ranking.py [--demo build/demo] [--scenes 80] [--out build/bench/ranking.json]

Every model that was shown the mask is exported, and ranks the clips of scenes that it never saw, in
two pools.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fdaclip.data import frames, shapes
from fdaclip.model import FDACLIP, ExportedEncoder, export_model
from fdaclip.model.runtimes.export import TooFar

EXPORTS = (("onnx", "fp32"), ("onnx", "int8"), ("openvino", "int8"))


def main() -> None:
    parser = argparse.ArgumentParser(description="ranking in int8 beside fp32")
    parser.add_argument("--demo", type=Path, default=Path("build/demo"))
    parser.add_argument("--scenes", type=int, default=80, help="a pool, four clips each")
    parser.add_argument("--out", type=Path, default=Path("build/bench/ranking.json"))
    options = parser.parse_args()
    plan = shapes.plan({"train": 500, "val": options.scenes, "test": options.scenes})
    models = {
        folder.name: FDACLIP.from_pretrained(folder)
        for folder in sorted((options.demo / "models").glob("mask-*"))
    }
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        pools = [pool(plan[split], Path(scratch) / split, models) for split in ("val", "test")]
        for name, model in models.items():
            exact = [ranked(model, *one) for one in pools]
            for runtime, precision in EXPORTS:
                target = Path(scratch) / f"{name}-{runtime}-{precision}"
                row: dict[str, Any] = {"model": name, "runtime": runtime, "precision": precision}
                try:
                    export_model(model, target, runtime=runtime, precision=precision)  # type: ignore[arg-type]
                except TooFar as error:
                    rows.append(row | {"refused": str(error)})
                    continue
                encoder = ExportedEncoder(target)
                rows.append(row | compared(exact, [ranked(encoder, *one) for one in pools]))
                print(json.dumps(rows[-1]), flush=True)
    result = {"pools": [len(rgba) for _, rgba, _ in pools], "rows": rows}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n")


Pool = tuple[list[str], NDArray[np.uint8], NDArray[np.int64]]
Ranked = tuple[NDArray[np.int64], NDArray[np.float32]]


def pool(clips: list[Any], folder: Path, models: dict[str, FDACLIP]) -> Pool:
    """Sentences, clips as RGBA [V,T,4,S,S], and which clip each sentence is of."""
    model = next(iter(models.values()))
    side = model.preprocess.decode_short_side
    read = frames.Frames(model.sampling, model.motion, model.preprocess, side)
    rgba = frames.load(shapes.write(clips, folder), read)
    owned = [(index, text) for index, clip in enumerate(clips) for text in clip.captions]
    return [text for _, text in owned], rgba, np.array([index for index, _ in owned])


def compared(exact: list[Ranked], found: list[Ranked]) -> dict[str, float]:
    """Over all pools together."""
    before, after = (np.concatenate([ranks for ranks, _ in one]) for one in (exact, found))
    pairs = zip(exact, found, strict=True)
    return {
        "lowest_cosine": round(min(float((a * b).sum(1).min()) for (_, a), (_, b) in pairs), 5),
        "r1_torch": round(100 * float((before == 0).mean()), 2),
        "r1": round(100 * float((after == 0).mean()), 2),
        "ranks_changed": round(100 * float((before != after).mean()), 2),
        "queries": len(before),
    }


def ranked(
    encoder: Any, texts: list[str], rgba: NDArray[np.uint8], owner: NDArray[np.int64]
) -> Ranked:
    """How many clips come before each sentence's own [Q], and the clips' vectors [V,E]."""
    vectors = encoder.encode_rgba(rgba)
    scores = encoder.encode_texts(texts) @ vectors.T
    own = scores[np.arange(len(owner)), owner]
    return (scores > own[:, None]).sum(1), vectors


if __name__ == "__main__":
    main()
