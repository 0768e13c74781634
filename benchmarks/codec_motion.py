"""Masks from the decoder's motion vectors beside masks from pixel differences: truth and time.

    python benchmarks/codec_motion.py     # -> build/bench/codec_motion.json, about two minutes

Truth: the drawn scenes of `mask_scenes.py` at 320 × 240 px with a little sensor noise, 30 frames a
second, written with x264's preset medium at crf 23. Both sources are judged by the intersection
over union, at 0.5, with the mover where it is in the frame (`own`), and with the union of its
places in the frame and 1/6 s later (`both`), which is what a pixel difference shows; and by the
share of the frames called still in scenes without a mover.

Time: processor milliseconds to decode 12 frames of the 720p films of `decode.py` at a short side of
224 px with one thread, as indexing does, and to make their masks; medians of rounds in turn.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from decode import FILMS, film_file
from fdaclip.motion import MotionConfig, analyse_motion
from fdaclip.video import Sampling, open_video, write_video
from mask_scenes import CAMERAS, PARTNER, Scene, dense, iou

OUT = Path("build/bench/codec_motion.json")
SOURCES = ("pixels", "codec")
OUT_OF_VIEW = 0.004  # of the picture: a smaller mover is no test of a mask
FRAMES = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scenes", type=int, default=2, help="of each camera, with and without")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()
    films = asked.out.parent / "films"
    films.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        truth = {camera: judged(camera, asked.scenes, Path(folder)) for camera in CAMERAS}
    spent = {film.name: timed(film_file(film, films), asked.rounds) for film in FILMS[:2]}
    document = {"truth": truth, "ms": spent, "machine": platform.machine()}
    asked.out.write_text(json.dumps(document, indent=2) + "\n")
    for camera, scores in truth.items():
        print(f"{camera:12}", "  ".join(f"{name} {value:.2f}" for name, value in scores.items()))
    for name, ms in spent.items():
        print(name)
        for row, parts in ms.items():
            print(f"  {row:20}", "  ".join(f"{part} {value:7.1f}" for part, value in parts.items()))
    print(f"wrote {asked.out}")


def judged(camera: str, count: int, folder: Path) -> dict[str, float]:
    """Means over the frames of a camera's scenes, by source and measure."""
    scores: dict[str, list[float]] = {}
    for seed in range(count):
        for mover in (True, False):
            scene = Scene(seed, camera, size=240, mover=mover, noise=2)
            path = folder / "scene.mp4"
            write_video(path, dense(scene, 1.5, rate=30), 30, crf=23, preset="medium")
            for source in SOURCES:
                with open_video(path) as video:
                    clip = video.clip(FRAMES, short_side=224, vectors=source == "codec")
                assert (clip.vectors is None) == (source == "pixels")
                motion = analyse_motion(clip, MotionConfig(source=source))  # type: ignore[arg-type]
                for t, when in enumerate(clip.times):
                    if not mover:
                        still = float(motion.kind[t] == "still")
                        scores.setdefault(f"{source}, still", []).append(still)
                        continue
                    own = scene.mover_mask(when)
                    if own.mean() < OUT_OF_VIEW:
                        continue
                    mask = enlarged(motion.masks[t, 0], own.shape)
                    both = scene.truth(when, when + PARTNER)
                    scores.setdefault(f"{source}, own", []).append(iou(mask, own))
                    scores.setdefault(f"{source}, both", []).append(iou(mask, both))
    return {name: round(statistics.fmean(values), 3) for name, values in scores.items()}


def enlarged(mask: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(mask, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR))


def timed(path: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Decoding and masks of one clip, by sampling and source."""
    spent: dict[str, list[tuple[float, float, float]]] = {}
    for number in range(rounds + 1):  # the first warms up
        for anchored in (False, True):
            for source in SOURCES:
                began = time.process_time()
                with open_video(path, threads=1) as video:
                    sampling = Sampling(FRAMES, anchored=anchored)
                    clip = video.clip(sampling=sampling, short_side=224, vectors=source == "codec")
                    decoded = video.decoded
                there = time.process_time()
                analyse_motion(clip, MotionConfig(source=source))  # type: ignore[arg-type]
                done = time.process_time()
                if number:
                    row = f"{'anchored' if anchored else 'exact'}, {source}"
                    ms = 1000 * (there - began), 1000 * (done - there), decoded
                    spent.setdefault(row, []).append(ms)
    columns = ("decode", "masks", "decoded frames")
    found: dict[str, dict[str, Any]] = {}
    for row, values in spent.items():
        medians = (round(statistics.median(value), 1) for value in zip(*values, strict=True))
        found[row] = dict(zip(columns, medians, strict=True))
    return found


if __name__ == "__main__":
    main()
