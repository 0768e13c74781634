"""Frames a second of the image tower by runtime and precision, beside the processor's own peak.

    python benchmarks/runtimes.py [--models b32 b16] [--doc docs/runtimes.md]

CLIP's geometries with random weights (time does not depend on them; the cosine does, and is that of
random weights). Clips of 12 frames; one thread a clip, first one clip at a time, then one in each
processor, as indexing does it. All take turns within one run, so that what else the machine does
falls on all; the best of the rounds counts, and the peak is of square matrices of 2,048 in float32.
The exports are kept in build/bench/exports. The text tower: a query at a time on all processors.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import torch

from fdaclip.model.lanes import one_thread, processors
from fdaclip.model.memory import keep_memory
from fdaclip.model.runtimes.export import TooFar, export_model
from fdaclip.model.runtimes.exported import ExportedEncoder
from fdaclip.model.runtimes.folder import is_export
from fdaclip.model.runtimes.halved import HalvedEncoder
from fdaclip.model.runtimes.probe import generated_clips
from fdaclip.model.runtimes.speeds import processor_name
from random_clip import random_clip

PATCH = {"b32": 32, "b16": 16}
FRAMES = 12
QUERY = "a man in a red shirt throws a ball to a dog"  # 11 words and two ends
EXPORTS = (("onnx", "fp32"), ("onnx", "int8"), ("openvino", "fp32"), ("openvino", "int8"))


def main() -> None:
    parser = argparse.ArgumentParser(description="speed of the image tower by runtime")
    parser.add_argument("--models", nargs="+", choices=sorted(PATCH), default=["b32", "b16"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--exports", type=Path, default=Path("build/bench/exports"))
    parser.add_argument("--out", type=Path, default=Path("build/bench/runtimes.json"))
    parser.add_argument("--doc", type=Path, help="a page whose figures are replaced")
    options = parser.parse_args()
    keep_memory()
    result: dict[str, Any] = {
        "machine": {"processor": processor_name(), "processors": processors()},
        "date": time.strftime("%Y-%m-%d"),
        "rounds": options.rounds,
        "frames": FRAMES,
        "models": {name: measure(name, options) for name in options.models},
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(table(result))
    if options.doc:
        write_into(options.doc, table(result))


def operations(name: str) -> float:
    """Floating-point operations of the image tower a frame, matrix products only."""
    patches = (224 // PATCH[name]) ** 2
    tokens, width, layers = patches + 1, 768, 12
    layer = 12 * tokens * width**2 + 2 * tokens**2 * width
    return 2.0 * (layers * layer + patches * width * 4 * PATCH[name] ** 2 + width * 512)


def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Every runtime of one geometry, and the peak, in turns."""
    encoders: dict[str, Any] = {
        "torch fp32": random_clip(PATCH[name]),
        "torch bf16": HalvedEncoder(random_clip(PATCH[name])),
    }
    refused = {}
    for runtime, precision in EXPORTS:
        label, folder = f"{runtime} {precision}", options.exports / f"{name}-{runtime}-{precision}"
        try:
            if not is_export(folder):
                print(f"exporting {name} to {label}", flush=True)
                export_model(
                    encoders["torch fp32"],
                    folder,
                    runtime=runtime,  # type: ignore[arg-type]
                    precision=precision,  # type: ignore[arg-type]
                )
            encoders[label] = ExportedEncoder(folder)
        except TooFar as error:
            refused[label] = str(error)
    clip = generated_clips(224, 0, (FRAMES,))[0]
    runs: dict[str, Callable[[], object]] = {
        label: lambda encoder=encoder: encoder.encode_rgba([clip])  # type: ignore[misc]
        for label, encoder in encoders.items()
    }
    square = torch.randn(2048, 2048)
    runs["peak"] = lambda: square @ square
    lanes = processors()
    alone: dict[str, list[float]] = {label: [] for label in runs}
    beside: dict[str, list[float]] = {label: [] for label in runs}
    with (
        one_thread(),
        ThreadPoolExecutor(lanes, initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        for run in runs.values():
            run()
        for turn in range(options.rounds):
            for label, run in runs.items():
                if label == "torch bf16" and turn >= 2:  # slow where it is slow
                    continue
                alone[label].append(timed(run))
                beside[label].append(timed(lambda run=run: side_by_side(pool, run, lanes)))  # type: ignore[misc]
    gflop = 2 * 2048**3 / 1e9
    peak = {"1": gflop / min(alone["peak"]), str(lanes): lanes * gflop / min(beside["peak"])}
    rows = {}
    for label, encoder in encoders.items():
        one, all_ = FRAMES / min(alone[label]), lanes * FRAMES / min(beside[label])
        rows[label] = {
            "frames_per_second": {"1": round(one, 2), str(lanes): round(all_, 2)},
            "share_of_fp32_peak": {
                "1": round(one * operations(name) / 1e9 / peak["1"], 3),
                str(lanes): round(all_ * operations(name) / 1e9 / peak[str(lanes)], 3),
            },
            "query_ms": round(1000 * query(encoder), 1),
        }
        if isinstance(encoder, ExportedEncoder):
            rows[label]["cosine"] = round(encoder.export.cosine, 6)
    return {
        "gflop_per_frame": round(operations(name) / 1e9, 2),
        "peak_gflops": {threads: round(found, 1) for threads, found in peak.items()},
        "rows": rows,
        "refused": refused,
    }


def side_by_side(pool: ThreadPoolExecutor, run: Callable[[], object], count: int) -> None:
    for future in [pool.submit(run) for _ in range(count)]:
        future.result()


def timed(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def query(encoder: Any) -> float:
    """Seconds for one sentence, the median of twenty."""
    encoder.encode_texts([QUERY])
    return median(timed(lambda: encoder.encode_texts([QUERY])) for _ in range(20))


def table(result: dict[str, Any]) -> str:
    """In Markdown."""
    machine = result["machine"]
    lines = [f"{machine['processor']}, {machine['processors']} processors, {result['date']}:"]
    for name, found in result["models"].items():
        one, all_ = found["peak_gflops"]
        peak = found["peak_gflops"]
        lines += [
            "",
            f"ViT-B/{PATCH[name]}, {found['gflop_per_frame']} GFLOP a frame; peak {peak[one]} "
            f"GFLOP/s on one thread, {peak[all_]} on {all_}:",
            "",
            f"| | frames/s, 1 clip | {all_} at once | of the fp32 peak | cosine | query, ms |",
            "|---|---|---|---|---|---|",
        ]
        for label, row in found["rows"].items():
            rate, share = row["frames_per_second"], row["share_of_fp32_peak"]
            lines.append(
                f"| {label} | {rate[one]} | {rate[all_]} | {share[all_]:.0%} | "
                f"{row.get('cosine', '–')} | {row['query_ms']} |"
            )
        for label, why in found["refused"].items():
            lines.append(f"| {label} | refused: {why} | | | | |")
    return "\n".join(lines)


def write_into(page: Path, found: str) -> None:
    """Between the two marks of a page."""
    text = page.read_text(encoding="utf-8")
    begin = text.index("<!-- figures")
    begin = text.index("\n", begin) + 1
    end = text.index("<!-- end of figures -->")
    page.write_text(f"{text[:begin]}{found}\n{text[end:]}", encoding="utf-8")


if __name__ == "__main__":
    main()
