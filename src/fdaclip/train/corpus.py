"""The splits that a recipe names, as datasets and as clips."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from fdaclip.data import (
    Clips,
    DataError,
    Dataset,
    FrameCache,
    Frames,
    load_dataset,
    selection_splits,
    shapes,
)
from fdaclip.model import FDACLIP
from fdaclip.train.pairs import Filmed, Pairs, Source
from fdaclip.train.recipe import Data

Part = Callable[[str, int, int], None]  # what is done, how many, of how many


@dataclass(frozen=True)
class Splits:
    """What to train on, to choose on and to report.

    Attributes:
        train: never empty.
        val: to choose on; None chooses the last weights.
        test: to report; None reports nothing.
    """

    train: Dataset
    val: Dataset | None
    test: Dataset | None

    @property
    def all(self) -> list[Dataset]:
        """Those that there are."""
        return [split for split in (self.train, self.val, self.test) if split]


def read_splits(data: Data, part: Part = lambda what, done, of: None) -> Splits:
    """The splits of a recipe's data.

    Raises:
        fdaclip.data.DataError: annotation files or videos are missing.
        ValueError: `shapes` is asked for a split of which it is not said how large it is.
    """
    train, val = data.train, data.val
    if "auto" in (train, val):
        usual = ("train", "val")
        if data.dataset != "shapes":
            usual = selection_splits(data.dataset, data.protocol)
        train = usual[0] if train == "auto" else train
        val = usual[1] if val == "auto" else val
    names = [name for name in (train, val, data.test) if name]
    if data.dataset == "shapes":
        found = drawn_shapes(data, names, part)
    else:
        found = {
            name: load_dataset(
                data.dataset,
                data.root,
                name,
                protocol=data.protocol,
                allow_missing=data.allow_missing,
                videos=data.videos,
            )
            for name in names
        }
    return Splits(
        found[train], found[val] if val else None, found[data.test] if data.test else None
    )


def drawn_shapes(data: Data, names: list[str], part: Part) -> dict[str, Dataset]:
    """The splits of the generated corpus; files that are not in `data.root` yet are drawn."""
    missing = [name for name in names if name not in data.scenes]
    if missing:
        raise ValueError(f"data.scenes says no number of scenes for {', '.join(missing)}")
    found = {}
    for split, specs in shapes.plan(data.scenes).items():
        records = shapes.write(
            specs,
            Path(data.root) / split,
            progress=lambda done, of, split=split: part(f"drawing {split}", done, of),  # type: ignore[misc]
        )
        text = json.dumps([asdict(spec) for spec in specs])
        found[split] = Dataset(
            name="shapes",
            split=split,
            protocol=", ".join(f"{count} {name} scenes" for name, count in data.scenes.items()),
            records=tuple(records),
            sentences=sum(len(record.captions) for record in records),
            seconds=(None,) * len(records),
            sources={"plan": hashlib.sha256(text.encode()).hexdigest()},
        )
    return found


def frames_of(model: FDACLIP) -> Frames:
    """How a model wants its clips."""
    preprocess = model.preprocess
    return Frames(model.sampling, model.motion, preprocess, preprocess.decode_short_side)


def clips_of(
    dataset: Dataset, model: FDACLIP, data: Data, part: Part = lambda what, done, of: None
) -> Clips:
    """A split as clips, decoded once into the cache if the recipe names one.

    Raises:
        fdaclip.data.StaleCache: a file could not be decoded into the cache; it is named.
        fdaclip.data.DataError: the disk has no room for the cache.
    """
    frames = frames_of(model)
    if not data.cache:
        return Clips(dataset, frames, augmentation=data.augmentation)
    cache = FrameCache.build(
        data.cache,
        dataset.records,
        frames,
        positions=data.positions,
        quality=data.quality,
        progress=lambda done, of: part(f"decoding {dataset.split}", done, of),
    )
    if cache.failed:
        name, reason = next(iter(cache.failed.items()))
        raise DataError(
            f"{len(cache.failed)} of {dataset.videos} videos of {dataset.split} cannot be decoded, "
            f"such as {name}: {reason}",
            "fdaclip data check lists them, and with data.allow_missing=true they are left out",
        )
    return Clips(dataset, frames, cache=cache, augmentation=data.augmentation)


def training_source(clips: Clips, data: Data, part: Part = lambda what, done, of: None) -> Source:
    """The clips of the training split, to draw batches from."""
    names = tuple(record.name for record in clips.records)
    captions = tuple(record.captions for record in clips.records)
    if not data.memory:
        return Filmed(clips, names, captions, data.shift)
    held = []
    for number in range(len(clips)):
        held.append(torch.from_numpy(np.ascontiguousarray(clips[number])))
        part("preparing train", number + 1, len(clips))
    return Pairs(torch.stack(held), captions, data.shift, names)
