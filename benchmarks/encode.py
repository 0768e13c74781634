"""Frames a second of a ViT-B/32 image tower: RGBA as FDA-CLIP has it, beside transformers' own.

    python benchmarks/encode.py [--rounds 9] [--frames 12] [--out build/bench/encode.json]

Random weights, float32, the threads that torch takes by itself. The two towers take turns within
one run, so that what else the machine does falls on both; the ratio of each pair of turns is what
counts. `encode` is the whole way from bytes to a video's vector: normalisation, RGBA tower, head.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
import transformers
from transformers.models.clip.configuration_clip import CLIPVisionConfig
from transformers.models.clip.modeling_clip import CLIPVisionModel

from fdaclip.model.heads import MeanHead
from fdaclip.model.normalise import Normalise
from fdaclip.model.patch import RGBAPatchEmbedding
from fdaclip.model.preprocess import Preprocess


def main() -> None:
    parser = argparse.ArgumentParser(description="speed of the RGBA image tower")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--out", type=Path, default=Path("build/bench/encode.json"))
    options = parser.parse_args()

    plain = CLIPVisionModel(CLIPVisionConfig()).eval()  # the defaults are B/32
    guided = CLIPVisionModel(CLIPVisionConfig()).eval()
    guided.load_state_dict(plain.state_dict())
    embedding = RGBAPatchEmbedding(guided.embeddings.patch_embedding)
    torch.nn.init.normal_(embedding.alpha, std=0.02)
    guided.embeddings.patch_embedding = embedding
    normalise, head = Normalise(Preprocess()), MeanHead()
    rgba = torch.randint(0, 256, (options.frames, 4, 224, 224), dtype=torch.uint8)
    pixels = normalise(rgba)
    rgb = pixels[:, :3].contiguous()
    turns: dict[str, Callable[[], object]] = {
        "plain": lambda: plain(pixel_values=rgb),
        "rgba": lambda: guided(pixel_values=pixels),
        "encode": lambda: head(guided(pixel_values=normalise(rgba)).pooler_output[None]),
    }

    seconds: dict[str, list[float]] = {name: [] for name in turns}
    with torch.inference_mode():
        for turn in turns.values():
            turn()
        for _ in range(options.rounds):
            for name, turn in turns.items():
                began = time.perf_counter()
                turn()
                seconds[name].append(time.perf_counter() - began)

    def ratio(name: str) -> float:
        return median(s / p for s, p in zip(seconds[name], seconds["plain"], strict=True))

    result = {
        "frames_per_second": {n: round(options.frames / median(s), 2) for n, s in seconds.items()},
        "time_over_plain": {name: round(ratio(name), 4) for name in ("rgba", "encode")},
        "frames": options.frames,
        "rounds": options.rounds,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "processor": f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}",
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
