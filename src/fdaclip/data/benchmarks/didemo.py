"""DiDeMo (Hendricks et al. 2017): Flickr videos whose moments are described; the first 30 s count.

Paragraph-to-video: a video's sentences become one query. Two readings are in use, and both are
here:

- ``paragraph``: every video of the file, its sentences in the order of time; 29 videos of val are
  there under two names that differ in their extension, each with sentences of its own;
- ``paragraph CLIP4Clip``: the videos of the published lists only, which have one of two such names
  (8,395 / 1,065 / 1,004 in papers; the lists that circulate have 8,392 for training), their
  sentences in the file's order, as CLIP4Clip and its descendants read them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fdaclip.data.annotations import Annotations, Entry, Read, drop, listed
from fdaclip.data.benchmarks.benchmark import Benchmark, Counts

SEGMENT = 5.0  # s: moments are runs of these
WATCHED = 30.0  # s: annotators saw no more


def read(files: Annotations, protocol: str, split: str) -> Read:
    moments: list[dict[str, Any]] = files.json(files.need(f"{split}_data.json"))
    segments = {moment["video"]: int(moment["num_segments"]) for moment in moments}
    names = list(dict.fromkeys(moment["video"] for moment in moments))
    dropped = []
    if protocol == PUBLISHED:
        path = files.need(f"{split}_list.txt", f"ce_{split}_list.txt")
        wanted = set(files.lines(path))
        others = [name for name in names if name not in wanted]
        dropped = drop("videos", others, f"not in {path.name}")
        names = [name for name in names if name in wanted]
    else:
        moments = sorted(moments, key=middle)
    sentences: dict[str, Sequence[str]] = {}
    for moment in moments:
        sentences[moment["video"]] = [*sentences.get(moment["video"], ()), moment["description"]]

    def entry(name: str, own: tuple[str, ...]) -> Entry:
        seconds = min(WATCHED, SEGMENT * segments[name])
        return Entry(name, own, (name,), end=WATCHED, seconds=seconds, paragraph=True)

    entries, more = listed(names, sentences, entry)
    return Read(entries, dropped + more)


def middle(moment: dict[str, Any]) -> tuple[float, float]:
    """When a moment begins and ends, in segments: the mean over annotators."""
    times = moment["times"]
    return sum(t[0] for t in times) / len(times), sum(t[1] for t in times) / len(times)


PUBLISHED = "paragraph CLIP4Clip"
SPLITS = ("train", "val", "test")
DIDEMO = Benchmark(
    name="didemo",
    title="DiDeMo",
    protocols={"paragraph": SPLITS, PUBLISHED: SPLITS},
    published={
        ("paragraph", "val"): Counts(1094, 1094),
        ("paragraph", "test"): Counts(1037, 1037),
        (PUBLISHED, "val"): Counts(1065, 1065),
        (PUBLISHED, "test"): Counts(1004, 1004),
    },
    read=read,
    folders=("didemo",),
)
