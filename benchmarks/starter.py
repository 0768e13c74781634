"""Which settings of the starter to take, chosen on some clips and measured on others.

    python benchmarks/starter.py --clips DIR --captions FILE [--splits 400]

Each of many random halves of the clips chooses the settings by the mean reciprocal rank of its
sentences; the sentences of the other half then say what that choice is worth. All clips are
candidates for every sentence. A row of the table fixes one setting and lets the rest be chosen, so
that rows of a group can be compared: what is it worth to use the mask, more classes, another crop?
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fdaclip.evaluate import correct_answers, rank_queries
from fdaclip.model.preprocess import Preprocess
from fdaclip.model.starter import StarterEncoder
from fdaclip.model.starter.classes import unit
from fdaclip.model.starter.objects import cell_weights
from fdaclip.motion import analyse_motion
from fdaclip.video import Sampling, open_video
from real_footage import Footage, read, sentences

VIEWS = {"crop 192": (192, False), "crop 224": (224, False), "square 224": (224, True)}


@dataclass(frozen=True)
class Setting:
    """One way to make a clip's vector; `names` are the class vectors' sentences."""

    view: str
    frames: int
    names: str
    mask_share: float
    temperature: float
    classes: int


def main() -> None:
    parser = argparse.ArgumentParser(description="the starter's settings, held out")
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--captions", type=Path, required=True)
    parser.add_argument("--splits", type=int, default=400)
    parser.add_argument("--out", type=Path, default=Path("build/bench/starter.json"))
    options = parser.parse_args()

    footage = read(options.clips, options.captions)
    encoder = StarterEncoder(sampling=Sampling(frames=12))
    settings, ranks = rank_all(footage, encoder)
    owner = np.repeat(np.arange(len(footage)), [len(clip.captions) for clip in footage])
    halves = [np.isin(owner, half) for half in random_halves(len(footage), options.splits)]
    rows = []
    for group, value, kept in groups(settings):
        held_out = chosen_elsewhere(ranks[kept], halves)
        rows.append({"fixed": group, "value": value, **held_out})
        print(
            f"{group:12s} {value!s:14s} " + "  ".join(f"{k} {v:5.1f}" for k, v in held_out.items())
        )
    best = int((1 / ranks).mean(1).argmax())
    print("best on all clips:", settings[best])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    result = {"splits": options.splits, "rows": rows, "best": asdict(settings[best])}
    options.out.write_text(json.dumps(result, indent=2) + "\n")


def rank_all(
    footage: Sequence[Footage], encoder: StarterEncoder
) -> tuple[list[Setting], NDArray[np.float64]]:
    """Every setting, and the rank of each sentence's clip under it, [settings,Q]."""
    queries = encoder.encode_texts(sentences(footage))  # [Q,E]
    owner = [index for index, clip in enumerate(footage) for _ in clip.captions]
    correct = correct_answers(owner, len(footage))
    names = {"prompts": encoder.vectors, "names alone": unit(encoder.encode_texts(encoder.names))}
    settings, ranks = [], []
    for view, (size, square) in VIEWS.items():
        seen = list(maps(footage, encoder, Preprocess(size, square=square)))
        for every, share in product((1, 2), (0.0, 0.1, 0.2, 0.3, 0.5, 1.0)):
            scores = [class_scores(m[::every], a[::every], share, encoder) for m, a in seen]
            for temperature, classes, kind in product(
                (1.0, 1.5, 2.0, 3.0), (5, 10, 20, 50, 1000), names
            ):
                mean = np.stack([softmax(s / temperature).mean(0) for s in scores])  # [V,1000]
                videos = unit(likeliest(mean, classes) @ names[kind])
                settings.append(Setting(view, 12 // every, kind, share, temperature, classes))
                ranks.append(rank_queries(queries @ videos.T, correct).mean)
    return settings, np.stack(ranks)


@torch.inference_mode()
def maps(
    footage: Sequence[Footage], encoder: StarterEncoder, preprocess: Preprocess
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The last feature maps [T,1280,h,w] of each clip, and its masks [T,1,S,S]."""
    for clip in footage:
        with open_video(clip.path) as video:
            frames = video.clip(sampling=encoder.sampling, short_side=preprocess.decode_short_side)
        rgba = torch.from_numpy(preprocess(frames, analyse_motion(frames, encoder.motion)))
        pixels = (rgba[:, :3].float() - 127) / 128
        yield encoder.objects.tower.extract_features(pixels), rgba[:, 3:].float() / 255


@torch.inference_mode()
def class_scores(
    maps: torch.Tensor, masks: torch.Tensor, share: float, encoder: StarterEncoder
) -> NDArray[np.float32]:
    """Logits [T,1000] of frames whose maps are pooled with a share of their masks."""
    pooled = (maps * cell_weights(masks, maps.shape[-2:], share)).sum((-2, -1))
    scores: NDArray[np.float32] = encoder.objects.tower._fc(pooled).numpy()
    return scores


def softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row as a distribution."""
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def likeliest(mean: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """[V,1000] with all but each row's `count` largest values set to zero."""
    least = np.sort(mean, axis=1)[:, [-count]]
    return np.where(mean >= least, mean, 0)


def groups(settings: Sequence[Setting]) -> Iterator[tuple[str, object, NDArray[np.intp]]]:
    """Which settings may be chosen: all, then those with one value fixed, value by value."""
    yield "nothing", "", np.arange(len(settings))
    read_value: Callable[[Setting, str], object] = getattr
    for name in asdict(settings[0]):
        for value in dict.fromkeys(read_value(setting, name) for setting in settings):
            kept = [i for i, setting in enumerate(settings) if read_value(setting, name) == value]
            yield name, value, np.array(kept)


def random_halves(clips: int, splits: int) -> Iterator[NDArray[np.intp]]:
    """The clips that choose, for each split."""
    rng = np.random.default_rng(0)
    for _ in range(splits):
        yield rng.permutation(clips)[: clips // 2]


def chosen_elsewhere(
    ranks: NDArray[np.float64], halves: Sequence[NDArray[np.bool_]]
) -> dict[str, float]:
    """Recall on one half of the clips with the setting that the other half chose; means, in %."""
    recalls = []
    for chooses in halves:
        best = ranks[(1 / ranks[:, chooses]).mean(1).argmax(), ~chooses]
        recalls.append([100 * (best <= k).mean() for k in (1, 5, 10)])
    r1, r5, r10 = np.mean(recalls, axis=0)
    return {"R@1": round(r1, 1), "R@5": round(r5, 1), "R@10": round(r10, 1)}


if __name__ == "__main__":
    main()
