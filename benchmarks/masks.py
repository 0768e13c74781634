"""How well the masks cover what truly moves, and what they cost.

    python benchmarks/masks.py            # -> build/bench/masks.json, about two minutes

Accuracy: intersection over union, at 0.5, with the true region of each pair (the mover in the frame
or in its partner, in the frame's pixels), mean over pairs, on two generated sources, both written
as H.264 and read back with `fdaclip.video`: the clips of `fdaclip.data.shapes` (test split), which
give `static_iou` and `moving_iou`, and the harder scenes of `mask_scenes.py` (own grounds, noise,
flicker, turning and handheld cameras). Pairs in which nothing can be found are left out, and
counted: those whose mover is out of view, or has just turned back and stands where it stood. A
frame wrongly called still or cut counts with its all-ones mask.

Cost: milliseconds for the masks of 12 frames of 224 × 398 px, luma included, and their share of
encoding 12 frames by ViT-B/32 in fp32 (transformers' CLIPVisionModel, random weights), measured in
turn in one process, medians; by the clock, and in processor time, which other work on the machine
disturbs less.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fdaclip.data import shapes
from fdaclip.motion import MotionConfig, analyse_motion
from fdaclip.video import open_video, write_video
from mask_scenes import CAMERAS, PARTNER, DrawnPairs, Scene, dense, draw, iou

OUT = Path("build/bench/masks.json")
OUT_OF_VIEW = 0.004  # of the picture: a smaller true region is no test of a mask
MOVED = 1.06  # true region over the mover's own: less, and it stands where it stood


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy and cost of the dynamic-region masks.")
    parser.add_argument(
        "--scenes", type=int, default=24, help="scenes of moving shapes, 4 clips each"
    )
    parser.add_argument("--drawn", type=int, default=6, help="own scenes of each kind")
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()

    config = MotionConfig()
    with tempfile.TemporaryDirectory() as folder:
        result: dict[str, Any] = {**shapes_accuracy(asked.scenes, Path(folder), config)}
        result["drawn"] = drawn_accuracy(asked.drawn, Path(folder), config)
    result.update(cost(config))
    result["machine"] = (
        f"{platform.machine()}, {cv2.getNumberOfCPUs()} cores, OpenCV {cv2.__version__}"
    )
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def shapes_accuracy(scenes: int, folder: Path, config: MotionConfig) -> dict[str, Any]:
    """IoU on the corpus of moving shapes, as its files show it."""
    specs = shapes.plan({"test": scenes}, seed=0)["test"]
    by_camera: dict[str, list[float]] = {}
    kinds: dict[str, int] = {"moving": 0, "still": 0, "cut": 0}
    left_out = 0
    for n, record in enumerate(shapes.write(specs, folder / "shapes")):
        spec = specs[n]
        with open_video(record.path) as video:
            clip = video.clip(12, partner=PARTNER)
        motion = analyse_motion(clip, config)
        for t, (when, partner) in enumerate(zip(clip.times, clip.partner_times, strict=True)):
            truth = shapes.motion_mask(spec, when, partner)
            own = shapes.mover_mask(spec, when)
            if truth.mean() < OUT_OF_VIEW or truth.sum() < MOVED * own.sum():
                left_out += 1
                continue
            kinds[motion.kind[t]] += 1
            by_camera.setdefault(spec.scene.camera.kind, []).append(
                iou(enlarged(motion.masks[t, 0], truth.shape), truth)
            )
        tell(f"moving shapes {n + 1}/{len(specs)}")
    moving = [v for camera, values in by_camera.items() if camera != "still" for v in values]
    return {
        "static_iou": round(statistics.fmean(by_camera["still"]), 4),
        "moving_iou": round(statistics.fmean(moving), 4),
        "iou_by_camera": {c: round(statistics.fmean(v), 4) for c, v in sorted(by_camera.items())},
        "pairs": {"static": len(by_camera["still"]), "moving": len(moving)},
        "pairs_left_out": left_out,
        "kinds": kinds,
    }


def drawn_accuracy(count: int, folder: Path, config: MotionConfig) -> dict[str, Any]:
    """IoU on own scenes with a mover; share of pairs called still on scenes without one."""
    settings: dict[str, dict[str, Any]] = {camera: {"camera": camera} for camera in CAMERAS}
    settings["static, flicker 15 %"] = {"flicker": 0.15}
    settings["static, noise 8 levels"] = {"noise": 8.0}
    settings["pan, noise 5 levels"] = {"camera": "pan", "noise": 5.0}
    found: dict[str, Any] = {}
    for name, setting in settings.items():
        with_mover, plain, called_still = [], [], []
        for seed in range(count):
            for mover in (True, False):
                scene = Scene(seed, mover=mover, **setting)
                drawn = draw(scene)
                filmed = through_h264(scene, folder)
                for pairs, scores in ((drawn, plain), (filmed, with_mover)):
                    motion = analyse_motion(pairs, config)
                    for t, truth in enumerate(pairs.truth):
                        if not mover:
                            called_still.append(motion.kind[t] == "still")
                        elif truth.mean() >= OUT_OF_VIEW:
                            scores.append(iou(enlarged(motion.masks[t, 0], truth.shape), truth))
            tell(f"own scenes, {name} {seed + 1}/{count}")
        found[name] = {
            "iou": round(statistics.fmean(plain), 4),
            "iou_h264": round(statistics.fmean(with_mover), 4),
            "called_still_without_mover": round(statistics.fmean(called_still), 4),
        }
    return found


def through_h264(scene: Scene, folder: Path) -> DrawnPairs:
    """The scene as a file of 12 frames a second would show it."""
    path = folder / "scene.mp4"
    write_video(path, dense(scene, 2.5), 12, crf=20)
    times = (np.arange(12) * 2) / 12 + 0.5 / 12  # mid-frame: between two presentation times
    with open_video(path) as video:
        frames, partners = video.frames_at(times), video.frames_at(times + PARTNER)
    truth = [scene.truth(a, b) for a, b in zip(frames.times, partners.times, strict=True)]
    return DrawnPairs(frames.rgb, partners.rgb, np.stack(truth))


def enlarged(mask: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    if mask.shape == shape:
        return mask
    return np.asarray(cv2.resize(mask, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR))


def cost(config: MotionConfig, rounds: int = 15) -> dict[str, Any]:
    """Masks of 12 frames against ViT-B/32 over 12 frames, in turn."""
    import torch
    from transformers import CLIPVisionConfig, CLIPVisionModel

    tower = CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=768,
            intermediate_size=3072,
            num_hidden_layers=12,
            num_attention_heads=12,
            image_size=224,
            patch_size=32,
        )
    ).eval()
    pixels = torch.randn(12, 3, 224, 224)
    clips = {camera: wide(camera) for camera in ("static", "handheld")}
    jobs: dict[str, Callable[[], Any]] = {
        "encoding": lambda: tower(pixels),
        **{name: partial(analyse_motion, clip, config) for name, clip in clips.items()},
    }
    clock: dict[str, list[float]] = {name: [] for name in jobs}
    processor: dict[str, list[float]] = {name: [] for name in jobs}
    with torch.inference_mode():
        for number in range(rounds + 2):  # the first two warm up
            for name, job in jobs.items():
                before = time.perf_counter(), time.process_time()
                job()
                if number >= 2:
                    clock[name].append(1000 * (time.perf_counter() - before[0]))
                    processor[name].append(1000 * (time.process_time() - before[1]))
            tell(f"cost, round {number + 1}/{rounds + 2}")
    ms = {name: statistics.median(values) for name, values in clock.items()}
    cpu = {name: statistics.median(values) for name, values in processor.items()}
    return {
        "masks_ms_per_12_frames": {name: round(ms[name], 2) for name in clips},
        "encoding_ms_per_12_frames": round(ms["encoding"], 1),
        "mask_share_of_encoding": round(statistics.fmean(ms[c] for c in clips) / ms["encoding"], 4),
        "mask_share_by_camera": {c: round(ms[c] / ms["encoding"], 4) for c in clips},
        "mask_share_of_processor_time": {c: round(cpu[c] / cpu["encoding"], 4) for c in clips},
    }


def wide(camera: str) -> DrawnPairs:
    """12 pairs of 224 × 398 px, as decoding gives them for a 16:9 video."""
    pairs = draw(Scene(1, camera, size=300))  # 300 × 400, cropped
    rows = slice(38, 262)
    return DrawnPairs(
        np.ascontiguousarray(pairs.rgb[:, rows, 1:399]),
        np.ascontiguousarray(pairs.partners[:, rows, 1:399]),
        pairs.truth[:, rows, 1:399],
    )


def tell(line: str) -> None:
    print(f"\r\x1b[K{line}" if sys.stderr.isatty() else line, end="", file=sys.stderr, flush=True)
    if not sys.stderr.isatty():
        print(file=sys.stderr)


if __name__ == "__main__":
    main()
