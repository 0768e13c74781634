"""Indexing end to end beside two usual pipelines: decode, mask, encode, store; videos a second.

    python benchmarks/index.py [--rounds 2] [--peers 12 8] [--out build/bench/index.json]

The clips are the hundred of `mixed_clips.py`, the weights a ViT-B/32 of the true shape with random
values, the same for all. Ours go through `Library.add` with windows so long that each clip is one
moment of twelve frames, the work that a CLIP4Clip-style pipeline does; the peers are those of
`peers.py`. Loading the weights, exporting them and importing packages is not counted for anyone:
every contestant is a process of its own that first indexes a small clip unmeasured.

A round is an equal share of the clips. In it the contestants take turns, in another order each
time. Ours index every clip; the peers, which take long, an even sample of the round's clips sorted
by the pixels they hold. A ratio compares seconds a video within a round; the median of the rounds
counts. `--peers 0 0` lets the peers index everything too.

The limits: the videos a second if the twelve frames of each ran at this machine's own peak of
float32 matrix products, all else free; and what a contestant's encoder alone gives, in as many
lanes as there are processors.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fdaclip.motion.config import Source
from flop import fp32_peak, tower_flop
from machine import machine
from mixed_clips import FOLDER, Clip, described, make, plan
from peers import FRAMES, SIDE, Clip4Clip, FramePerSecond, save_weights
from turns import Contestant, Turn

WINDOW = 60.0  # s: every clip is one moment
WEIGHTS = Path("build/bench/clip-b32")
NEAR = 10  # neighbours compared
PEERS = {"CLIP4Clip-style": Clip4Clip, "a frame a second": FramePerSecond}


@dataclass(frozen=True)
class Way:
    """One of ours: what it asks of `load_encoder`, and a goal over the CLIP4Clip-style peer."""

    name: str
    goal: float | None
    precision: str
    anchored: bool = False
    keep: float = 1.0
    source: Source = "pixels"  # of the masks


WAYS = (
    Way("exact fp32", 2.5, "fp32"),
    Way("exact int8", 3.5, "int8"),
    Way("anchored int8", 6.0, "int8", anchored=True),
    Way("anchored int8, half the patches", 8.0, "int8", anchored=True, keep=0.5),
    Way("the same, masks from the codec", None, "int8", anchored=True, keep=0.5, source="codec"),
)


class Ours:
    """A library that is filled; lives in a process of its own."""

    def __init__(self, weights: Path, way: Way) -> None:
        from fdaclip.model import load_encoder
        from fdaclip.model.prune import Prune
        from fdaclip.motion import MotionConfig
        from fdaclip.video import Sampling

        self.weights = weights
        self.encoder = load_encoder(
            weights,
            precision=way.precision,  # type: ignore[arg-type]
            device="cpu",
            sampling=Sampling(frames=FRAMES, anchored=way.anchored),
            motion=MotionConfig(source=way.source),
            prune=Prune(way.keep) if way.keep < 1 else None,
        )

    def runs_on(self) -> dict[str, str]:
        on = {"runtime": self.encoder.runtime, "precision": self.encoder.precision}
        return on | {"export": str(getattr(self.encoder, "folder", ""))}

    def add(self, paths: Sequence[Path], folder: Path) -> dict[str, Any]:
        """Index the clips into the library at `folder`, new or not."""
        from fdaclip.library import Library

        library = Library(folder, self.encoder, model=str(self.weights), window=WINDOW, shots=False)
        report = library.add(paths)
        if report.moments != len(paths):
            raise RuntimeError(f"{report.moments} moments of {len(paths)} clips: {report.bad}")
        return {"stages": report.stages}

    def vectors(self, folder: Path) -> dict[str, NDArray[np.float32]]:
        """The vector of each clip, by the file's name."""
        from fdaclip.library.store import Store

        videos, moments = Store(folder).snapshot()
        rows = {int(take): row for row, take in enumerate(moments.take)}
        return {Path(video.path).name: moments.vectors[rows[video.take]] for video in videos}

    def encode_alone(self, passes: int) -> float:
        """Videos a second of the encoder alone, a pass a video, in lanes as `add` has them."""
        from fdaclip.library.library import processors
        from fdaclip.model.lanes import Lanes

        rgba = np.random.default_rng(0).integers(0, 256, (FRAMES, 4, SIDE, SIDE), dtype=np.uint8)
        lanes: Lanes[int] = Lanes(self.encoder, processors())
        try:
            for warm in (True, False):
                began = time.perf_counter()
                for number in range(processors() if warm else passes):
                    while lanes.full:
                        lanes.wait()
                        lanes.collect()
                    lanes.submit(number, rgba)
                list(lanes.rest())
        finally:
            lanes.close()
        return passes / (time.perf_counter() - began)


# -- the race -------------------------------------------------------------------------------------


def rounds_of(clips: Sequence[Clip], rounds: int) -> list[list[Clip]]:
    """The clips dealt into rounds of like work, each sorted by it."""
    ordered = sorted(clips, key=lambda clip: clip.pixels)
    dealt: list[list[Clip]] = [[] for _ in range(rounds)]
    for number, clip in enumerate(ordered):
        turn, place = divmod(number, rounds)
        # forth and back, or the last would always get the larger one
        dealt[place if turn % 2 == 0 else rounds - 1 - place].append(clip)
    return dealt


def even_sample(clips: Sequence[Clip], count: int) -> list[Clip]:
    """Evenly spaced ones; all of them for a count of 0 or more than there are."""
    if count <= 0 or count >= len(clips):
        return list(clips)
    return [clips[int((number + 0.5) * len(clips) / count)] for number in range(count)]


class Race:
    """Contestants, and what each took in each round."""

    def __init__(self, clips: Sequence[Clip], folder: Path, scratch: Path, weights: Path) -> None:
        self.clips, self.folder, self.scratch = clips, folder, scratch
        self.contestants: dict[str, Contestant] = {}
        self.turns: dict[str, list[tuple[list[Clip], Turn]]] = {}
        self.peak_mb: dict[str, float] = {}
        for way in WAYS:
            self._enter(way.name, Ours, weights, way)
        for name, peer in PEERS.items():
            self._enter(name, peer, weights)

    def _enter(self, name: str, make: Any, *given: Any) -> None:
        tell(f"loading {name}")
        self.contestants[name] = Contestant(make, *given)
        small = min(self.clips, key=lambda clip: clip.pixels)
        self.contestants[name]("add", [self.folder / small.name], self.scratch / name / "warm")
        self.turns[name] = []

    def round(self, number: int, clips: list[Clip], sampled: dict[str, int]) -> None:
        """Everybody's turn on a round's clips, those of `sampled` on so many of them."""
        names = list(self.contestants)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            taken = even_sample(clips, sampled[name]) if name in sampled else clips
            tell(f"round {number + 1}: {name}, {len(taken)} clips")
            paths = [self.folder / clip.name for clip in taken]
            turn = self.contestants[name]("add", paths, self.scratch / name / str(number))
            self.turns[name].append((taken, turn))

    def close(self) -> None:
        self.peak_mb = {name: contestant.close() for name, contestant in self.contestants.items()}

    def seconds_a_video(self, name: str) -> list[float]:
        return [turn.seconds / len(taken) for taken, turn in self.turns[name]]

    def summary(self, name: str) -> dict[str, Any]:
        turns = self.turns[name]
        count, seconds = sum(len(t) for t, _ in turns), sum(turn.seconds for _, turn in turns)
        used = sum(turn.processor for _, turn in turns)
        spent: dict[str, float] = {}
        for _, turn in turns:
            for stage, value in turn.result["stages"].items():
                spent[stage] = spent.get(stage, 0.0) + value
        pixels = [clip.pixels for taken, _ in turns for clip in taken]
        mean = float(np.mean([clip.pixels for clip in self.clips]))
        return {
            "clips": count,
            "videos_per_second": round(count / seconds, 3),
            "seconds_a_video_by_round": [round(s, 3) for s in self.seconds_a_video(name)],
            "stage_share": {s: round(v / sum(spent.values()), 3) for s, v in spent.items()},
            "stage_seconds_a_video": {s: round(v / count, 3) for s, v in spent.items()},
            "processor_seconds_a_video": round(used / count, 3),
            "utilisation": round(used / seconds / (os.cpu_count() or 1), 3),
            "pixels_over_all_clips": round(float(np.mean(pixels)) / mean, 3),
            "peak_mb": round(self.peak_mb[name]),
        }

    def ratios(self, name: str) -> dict[str, dict[str, Any]]:
        """How many times faster than each peer, by round and their median."""
        ours, found = self.seconds_a_video(name), {}
        for peer in PEERS:
            pairs = zip(self.seconds_a_video(peer), ours, strict=True)
            by_round = [theirs / own for theirs, own in pairs]
            found[peer] = {
                "median": round(median(by_round), 2),
                "by_round": [round(ratio, 2) for ratio in by_round],
            }
        return found


# -- agreement ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Agreement:
    """How like two sets of vectors of the same clips are.

    Attributes:
        cosine_mean, cosine_least: between the two vectors of a clip.
        same_nearest: share of the ten nearest other clips that both find.
        found_itself: share of the clips whose vector of one set is nearest to its own of the other.
    """

    cosine_mean: float
    cosine_least: float
    same_nearest: float
    found_itself: float


class Compared:
    """Vectors of the same clips, float32 [V,E] of unit length."""

    def __init__(
        self, a: dict[str, NDArray[np.float32]], b: dict[str, NDArray[np.float32]]
    ) -> None:
        names = sorted(a)
        self.a, self.b = (np.stack([some[name] for name in names]) for some in (a, b))

    @cached_property
    def agreement(self) -> Agreement:
        cosines = (self.a * self.b).sum(1)
        across = self.b @ self.a.T  # [V,V]
        near = [self._nearest(vectors) for vectors in (self.a, self.b)]
        shared = [len(set(x) & set(y)) / len(x) for x, y in zip(*near, strict=True)]
        return Agreement(
            round(float(cosines.mean()), 5),
            round(float(cosines.min()), 5),
            round(float(np.mean(shared)), 4),
            round(float((across.argmax(1) == np.arange(len(across))).mean()), 4),
        )

    @staticmethod
    def _nearest(vectors: NDArray[np.float32]) -> list[list[int]]:
        scores = vectors @ vectors.T
        np.fill_diagonal(scores, -np.inf)
        count = min(NEAR, len(scores) - 1)
        return [row[:count] for row in np.argsort(-scores, axis=1).tolist()]


PAIRS = {
    "int8 beside fp32, exact": ("exact fp32", "exact int8"),
    "anchored beside exact, int8": ("exact int8", "anchored int8"),
    "half the patches beside all, anchored int8": (
        "anchored int8",
        "anchored int8, half the patches",
    ),
}


def agreements(race: Race) -> dict[str, dict[str, float]]:
    vectors: dict[str, dict[str, NDArray[np.float32]]] = {}
    for way in WAYS:
        vectors[way.name] = {}
        for number in range(len(race.turns[way.name])):
            folder = race.scratch / way.name / str(number)
            vectors[way.name] |= race.contestants[way.name]("vectors", folder).result
    return {
        name: asdict(Compared(vectors[one], vectors[two]).agreement)
        for name, (one, two) in PAIRS.items()
    }


# -- the program ----------------------------------------------------------------------------------


def measure(
    clips: Sequence[Clip], folder: Path, rounds: int, peers: Sequence[int], scratch: Path
) -> dict[str, Any]:
    weights = save_weights(WEIGHTS)
    peaks = [fp32_peak()]  # before and after: a busy machine lowers one
    shutil.rmtree(scratch, ignore_errors=True)
    race = Race(clips, folder, scratch, weights)
    sampled = dict(zip(PEERS, peers, strict=True))
    sampled |= {way.name: peers[0] for way in WAYS if way.goal is None}
    for number, some in enumerate(rounds_of(clips, rounds)):
        race.round(number, some, sampled)
    alone = {}
    for way in WAYS:
        tell(f"encoding alone: {way.name}")
        passes = 4 * (os.cpu_count() or 1)
        alone[way.name] = race.contestants[way.name]("encode_alone", passes).result
    agree = agreements(race)
    on = {way.name: race.contestants[way.name]("runs_on").result for way in WAYS}
    race.close()
    peak = max(*peaks, fp32_peak())
    shutil.rmtree(scratch)
    return {
        "clips": len(clips),
        "mix": described(clips),
        "rounds": rounds,
        "fp32_peak_gflops": round(peak / 1e9, 1),
        "videos_per_second_at_fp32_peak": round(peak / (FRAMES * tower_flop(32)), 3),
        "ours": {
            way.name: {
                "goal": way.goal,
                **on[way.name],
                **race.summary(way.name),
                "encode_alone_videos_per_second": round(alone[way.name], 3),
                "times_faster": race.ratios(way.name),
            }
            for way in WAYS
        },
        "peers": {name: race.summary(name) for name in PEERS},
        "agreement": agree,
        "machine": machine(),
    }


def report(found: dict[str, Any]) -> str:
    """The figures as lines for people."""
    lines = [f"{'':34}{'videos/s':>9}{'x CLIP4Clip':>13}{'x 1 fps':>9}{'goal':>6}  stages, use"]
    for name, row in found["ours"].items():
        clip4clip, fps = (row["times_faster"][peer]["median"] for peer in PEERS)
        lines.append(
            f"{name:34}{row['videos_per_second']:9.2f}{clip4clip:13.2f}{fps:9.2f}"
            f"{row['goal'] or '':>6}  {shares(row['stage_share'])}; {row['utilisation']:.0%}"
        )
    for name, row in found["peers"].items():
        lines.append(
            f"{name:34}{row['videos_per_second']:9.2f}{'':28}"
            f"  {shares(row['stage_share'])}; {row['utilisation']:.0%}"
        )
    limit = found["videos_per_second_at_fp32_peak"]
    lines.append(f"{'encoding alone at the fp32 peak':34}{limit:9.2f}")
    lines += [f"{name}: {values}" for name, values in found["agreement"].items()]
    return "\n".join(lines)


def shares(stages: dict[str, float]) -> str:
    return ", ".join(f"{stage} {share:.0%}" for stage, share in stages.items())


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="indexing end to end beside usual pipelines")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--peers",
        type=int,
        nargs=2,
        default=(10, 6),
        help="clips a round of each peer, 0: all of the round's",
    )
    parser.add_argument("--clips", type=int, default=0, help="only so many, evenly chosen")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--out", type=Path, default=Path("build/bench/index.json"))
    options = parser.parse_args()
    clips = plan()
    make(options.folder, clips)
    some = even_sample(sorted(clips, key=lambda clip: clip.pixels), options.clips)
    scratch = options.out.parent / "index-libraries"
    found = measure(some, options.folder, options.rounds, options.peers, scratch)
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    print(report(found))
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
