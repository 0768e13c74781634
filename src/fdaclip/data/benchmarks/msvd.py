"""MSVD (Chen and Dolan 2011): 1,970 clips of YouTube with about 41 sentences each, all queries."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from fdaclip.data.annotations import Annotations, Entry, Read, listed
from fdaclip.data.benchmarks.benchmark import Benchmark, Counts
from fdaclip.data.errors import DataError

CAPTIONS = ("raw-captions.pkl", "captions_msvd.json")


def read(files: Annotations, protocol: str, split: str) -> Read:
    ids = files.lines(files.need(f"{split}_list.txt"))
    numbers = read_numbers(files)

    def entry(name: str, sentences: tuple[str, ...]) -> Entry:
        # Copies of the clips are named by the mapping's numbers instead: vid1, vid2, …
        other = (f"{numbers[name]}.avi",) if name in numbers else ()
        return Entry(name, sentences, (f"{name}.avi", *other), seconds=length(name))

    path = files.find(*CAPTIONS)
    if path is None:
        return Read(listed(ids, None, entry)[0], lacking=files.absent(*CAPTIONS))
    content = files.pickle(path) if path.suffix == ".pkl" else files.json(path)
    if not isinstance(content, dict):
        raise DataError(f"{path} holds no mapping of videos to sentences")
    sentences: dict[str, Sequence[str]] = {
        name: [sentence(s) for s in own] for name, own in content.items()
    }
    return Read(*listed(ids, sentences, entry))


def sentence(value: Any) -> str:
    """The pickle has each sentence as a list of words."""
    return value if isinstance(value, str) else " ".join(map(str, value))


def read_numbers(files: Annotations) -> dict[str, str]:
    """Video id → "vidN", where the mapping is there."""
    path = files.find("youtube_mapping.txt")
    rows = [line.split() for line in files.lines(path)] if path else []
    return {row[0]: row[1] for row in rows if len(row) == 2}


def length(name: str) -> float | None:
    """Seconds between the two numbers that end a clip's name."""
    found = re.search(r"_(\d+)_(\d+)$", name)
    return float(int(found[2]) - int(found[1])) if found else None


MSVD = Benchmark(
    name="msvd",
    title="MSVD",
    protocols={"all captions": ("train", "val", "test")},
    published={
        ("all captions", "train"): Counts(1200, 48_774),
        ("all captions", "val"): Counts(100, 4290),
        ("all captions", "test"): Counts(670, 27_763),
    },
    read=read,
    folders=("msvd",),
)
