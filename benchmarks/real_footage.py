"""Retrieval on real clips: does a sentence find its video?

    python benchmarks/real_footage.py --clips DIR --captions FILE [--model starter] [--anchored]

FILE has a row a video, as JSON: `video` (a name in DIR), `captions`, and optionally `motion` (a
label: what moves). Every caption is a query, every video a candidate; ties count against the query.
Prints recall at 1, 5 and 10 and ranks, in all and by motion label, and writes them as JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fdaclip.data import Frames
from fdaclip.evaluate import correct_answers, metrics
from fdaclip.model import Encoder, load_encoder


@dataclass(frozen=True)
class Footage:
    """A video with its sentences and the label of what moves in it."""

    path: Path
    captions: tuple[str, ...]
    motion: str


def main() -> None:
    parser = argparse.ArgumentParser(description="retrieval on real clips")
    parser.add_argument("--clips", type=Path, required=True, help="folder of the videos")
    parser.add_argument("--captions", type=Path, required=True, help="JSON lines, a row a video")
    parser.add_argument("--model", default="starter", help="starter, a known name, or a folder")
    parser.add_argument(
        "--anchored", action="store_true", help="take keyframes, where there are any"
    )
    parser.add_argument("--out", type=Path, default=Path("build/bench/real.json"))
    options = parser.parse_args()

    footage = read(options.clips, options.captions)
    encoder = load_encoder(options.model, anchored=options.anchored)
    began = time.perf_counter()
    videos = encoder.encode_rgba(prepared(footage, encoder))  # [V,E]
    seconds = time.perf_counter() - began
    similarity = encoder.encode_texts(sentences(footage)) @ videos.T  # [Q,V]
    result = {
        "model": options.model,
        "anchored": options.anchored,
        "fingerprint": encoder.fingerprint,
        "videos": len(footage),
        "seconds": round(seconds, 1),
        **by_motion(similarity, footage),
        "machine": f"{platform.machine()}, {platform.system()}",
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    for name in ("all", *sorted({clip.motion for clip in footage})):
        row = result[name]
        print(
            f"{name:8s} {row['queries']:4d} sentences  R@1 {row['r1']:5.1f}  R@5 {row['r5']:5.1f}  "
            f"R@10 {row['r10']:5.1f}  median rank {row['median_rank']:.1f}"
        )
    print(f"{len(footage)} videos encoded in {seconds:.0f} s; {options.out}")


def read(clips: Path, captions: Path) -> list[Footage]:
    """The rows of the captions file whose video is there; it is an error if none is."""
    rows = [json.loads(line) for line in captions.read_text().splitlines() if line.strip()]
    footage = [
        Footage(clips / row["video"], tuple(row["captions"]), row.get("motion", "unlabelled"))
        for row in rows
        if (clips / row["video"]).is_file()
    ]
    if not footage:
        raise SystemExit(f"none of the {len(rows)} videos of {captions} is in {clips}")
    if len(footage) < len(rows):
        print(f"{len(rows) - len(footage)} of {len(rows)} videos are not in {clips}: left out")
    return footage


def prepared(footage: Sequence[Footage], encoder: Encoder) -> Iterator[NDArray[np.uint8]]:
    """Each whole video as the encoder's frames with their masks, uint8 [T,4,S,S]."""
    preprocess = encoder.preprocess
    frames = Frames(encoder.sampling, encoder.motion, preprocess, preprocess.decode_short_side)
    return (frames((clip.path, 0.0, None)) for clip in footage)


def sentences(footage: Sequence[Footage]) -> list[str]:
    """Every caption, in the order of the videos."""
    return [caption for clip in footage for caption in clip.captions]


def by_motion(similarity: NDArray[np.float32], footage: Sequence[Footage]) -> dict[str, Any]:
    """Metrics of all sentences, and of those of each motion label against the same videos."""
    owner = [index for index, clip in enumerate(footage) for _ in clip.captions]
    correct = correct_answers(owner, len(footage))
    label = np.array([footage[index].motion for index in owner])
    rows = {"all": np.ones(len(owner), bool)} | {name: label == name for name in np.unique(label)}
    return {str(name): metrics(similarity[rows_], correct[rows_]) for name, rows_ in rows.items()}


if __name__ == "__main__":
    main()
