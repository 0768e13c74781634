"""The corpus of moving shapes: planned from a seed, written as H.264, read back as records."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from fdaclip.data.records import Record
from fdaclip.data.shapes.draw import frames
from fdaclip.data.shapes.language import sentences
from fdaclip.data.shapes.scene import (
    COLOURS,
    FORMS,
    RATE,
    SIDE,
    SIZES,
    Camera,
    ClipSpec,
    Motion,
    Scene,
    Shape,
    motions,
)
from fdaclip.video import write_video

SHAPES_A_SCENE = 4
SPLITS = ("train", "val", "test")
Identity = tuple[str, str, str]  # size, colour, form
_JITTER = 2.0  # pixels of a shape's home about the middle of its quarter
_INDEX = "clips.jsonl"


def plan(scenes: dict[str, int], seed: int = 0, captions: int = 4) -> dict[str, list[ClipSpec]]:
    """Decide on every clip of every split, from ``seed`` alone.

    Args:
        scenes: number of scenes for each split; each gives four clips, one per mover.
        captions: phrasings of each training clip (the others have one, as one query each).

    Splits share no scene and no pair of a shape and a course (path and direction): every sentence
    of ``val`` and ``test`` speaks of a combination never trained on. Shapes are dealt from a deck,
    so that each occurs as often as any other, give or take one. A shape that moves in two clips of
    ``val`` or ``test`` takes different courses, so that every query has exactly one right answer.

    Raises:
        ValueError: more scenes of ``val`` or ``test`` than there are courses for (about 90).
    """
    rng = np.random.default_rng(seed)
    parts = _share_out(rng)
    specs: dict[str, list[ClipSpec]] = {}
    for split, count in scenes.items():
        free, deck = parts[split], list[Identity]()
        specs[split] = []
        for number in range(count):
            scene = _scene(rng, deck, list(free))
            for mover, shape in enumerate(scene.shapes):
                choices = free[shape.identity]
                if not choices:
                    raise ValueError(f"{count} scenes are more than {split} has motions for")
                motion = choices[int(rng.integers(len(choices)))]
                if split != "train":
                    free[shape.identity] = [m for m in choices if _course(m) != _course(motion)]
                specs[split].append(
                    ClipSpec(
                        name=f"{split}-{number:04d}-{'abcd'[mover]}",
                        scene=scene,
                        mover=mover,
                        motion=motion,
                        captions=sentences(shape, motion, captions if split == "train" else 1, rng),
                    )
                )
    return specs


def _share_out(rng: np.random.Generator) -> dict[str, dict[Identity, list[Motion]]]:
    """Which motions each shape makes in each split: three of the eleven courses in val and test."""
    courses = list(dict.fromkeys(map(_course, motions())))
    parts: dict[str, dict[Identity, list[Motion]]] = {split: {} for split in SPLITS}
    for identity in ((s, c, f) for s in SIZES for c in COLOURS for f in FORMS):
        order = rng.permutation(len(courses))
        for split, chosen in zip(SPLITS, (order[6:], order[:3], order[3:6]), strict=True):
            of_split = {courses[i] for i in chosen}
            parts[split][identity] = [m for m in motions() if _course(m) in of_split]
    return parts


def _course(motion: Motion) -> tuple[str, str]:
    return motion.path, motion.direction


def _scene(rng: np.random.Generator, deck: list[Identity], identities: list[Identity]) -> Scene:
    """A scene of four shapes, one to each quarter of the view, all different in form and colour.

    They are dealt from ``deck``, which is filled up with ``identities`` when it runs out.
    """
    dealt: list[Identity] = []
    while len(dealt) < SHAPES_A_SCENE:
        fitting = (d for d in deck if all(d[1] != o[1] and d[2] != o[2] for o in dealt))
        identity = next(fitting, None)
        if identity is None:
            deck += [identities[i] for i in rng.permutation(len(identities))]
        else:
            deck.remove(identity)
            dealt.append(identity)
    camera = _camera(rng)
    shapes = []
    for quarter, (size, colour, form) in enumerate(dealt):
        middle = (np.array([quarter % 2, quarter // 2]) + 0.5) * SIDE / 2
        x, y = middle + rng.uniform(-_JITTER, _JITTER, 2)
        shapes.append(Shape(form, colour, size, float(x), float(y)))
    return Scene(int(rng.integers(2**31)), tuple(shapes), camera)


def _camera(rng: np.random.Generator) -> Camera:
    """Half of the cameras stand still."""
    kind = rng.choice(["still", "still", "still", "pan", "shake", "zoom"])
    if kind == "pan":
        angle = rng.uniform(0, 2 * np.pi)
        return Camera("pan", 5 * float(np.cos(angle)), 5 * float(np.sin(angle)))
    if kind == "shake":
        dx, dy, phase = rng.uniform(1, 2), rng.uniform(1, 2), rng.uniform(0, 2 * np.pi)
        return Camera("shake", float(dx), float(dy), float(phase))
    return Camera("zoom") if kind == "zoom" else Camera()


def blind_bound(specs: list[ClipSpec]) -> float:
    """Highest expected R@1 (percent) of a model that sees the scene but not the motion.

    Each query has one right clip among ``specs``. The model can at best know every shape of
    every clip, so that a query naming (size, colour, form) leaves the clips of the n scenes which
    hold that shape. In each of them each of the four shapes is the mover of exactly one clip, and
    the four clips show the same sampled pictures; which of the n scenes has the named motion
    cannot be seen either. The right clip is then one of 4n that no function of those pictures
    can order, and the best chance of naming it is 1/(4n). The bound is its mean over queries.
    """
    scenes_with: dict[Identity, set[int]] = {}
    for spec in specs:
        for shape in spec.scene.shapes:
            scenes_with.setdefault(shape.identity, set()).add(spec.scene.seed)
    chances = [1 / (SHAPES_A_SCENE * len(scenes_with[spec.identity])) for spec in specs]
    return 100 * float(np.mean(chances))


def write(
    specs: list[ClipSpec],
    folder: Path,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Record]:
    """Draw ``specs`` into ``folder`` as H.264 files with an index; files already there are kept.

    ``progress(done, total)`` is called as clips are finished.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [json.dumps(asdict(spec), separators=(",", ":")) for spec in specs]
    index = folder / _INDEX
    if index.exists() and index.read_text().splitlines() != wanted:
        for stale in folder.glob("*.mp4"):
            stale.unlink()
        index.unlink()
    if not index.exists():
        partial = index.with_suffix(".partial")
        partial.write_text("\n".join(wanted) + "\n")
        partial.replace(index)
    missing = [spec for spec in specs if not _file(folder, spec).exists()]
    done = len(specs) - len(missing)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers or os.cpu_count() or 1, mp_context=context) as pool:
        for _ in pool.map(_write_one, [(spec, folder) for spec in missing], chunksize=16):
            done += 1
            if progress:
                progress(done, len(specs))
    return records(specs, folder)


def records(specs: list[ClipSpec], folder: Path) -> list[Record]:
    return [Record(spec.name, _file(folder, spec), spec.captions) for spec in specs]


def read_specs(folder: Path) -> list[ClipSpec]:
    """The specifications that :func:`write` left in ``folder``."""
    return [_from_json(json.loads(line)) for line in (folder / _INDEX).read_text().splitlines()]


def _file(folder: Path, spec: ClipSpec) -> Path:
    return folder / f"{spec.name}.mp4"


def _write_one(job: tuple[ClipSpec, Path]) -> None:
    spec, folder = job
    write_video(_file(folder, spec), frames(spec), RATE, crf=20)


def _from_json(row: dict[str, Any]) -> ClipSpec:
    scene = row["scene"]
    return ClipSpec(
        name=row["name"],
        scene=Scene(
            scene["seed"],
            tuple(Shape(**shape) for shape in scene["shapes"]),
            Camera(**scene["camera"]),
        ),
        mover=row["mover"],
        motion=Motion(**row["motion"]),
        captions=tuple(row["captions"]),
    )
