"""VATEX (Wang et al. 2019): clips of ten seconds, ten English and ten Chinese captions each.

The test videos' captions are not public, so retrieval is tested on halves of the validation set
(HGR, Chen et al. 2020): 1,500 for validation and 1,500 for test. CLIP2Video (Fang et al. 2021) also
reports another 1,500 of the same 3,000. English captions are read.
"""

from __future__ import annotations

from collections.abc import Sequence

from fdaclip.data.annotations import Annotations, Entry, Read, listed
from fdaclip.data.benchmarks.benchmark import Benchmark, Counts
from fdaclip.data.benchmarks.msvd import length

HGR, SECOND = "HGR", "CLIP2Video second"
LISTS = {(HGR, split): f"{split}_list.txt" for split in ("train", "val", "test")}
LISTS[SECOND, "test"] = "test1k5_sec_list.txt"
JOINT = "vatex_data.json"
OFFICIAL = ("vatex_training_v1.0.json", "vatex_validation_v1.0.json")


def read(files: Annotations, protocol: str, split: str) -> Read:
    ids = files.lines(files.need(LISTS[protocol, split]))
    captions = read_captions(files)
    entries, dropped = listed(ids, captions, entry)
    lacking = files.absent(JOINT, " with ".join(OFFICIAL)) if captions is None else None
    return Read(entries, dropped, lacking)


def read_captions(files: Annotations) -> dict[str, Sequence[str]] | None:
    """English captions of all videos: one mapping, or the official lists."""
    path = files.find(JOINT)
    if path:
        return {name: video["enCap"] for name, video in files.json(path).items()}
    paths = [p for name in OFFICIAL if (p := files.find(name))]
    if not paths:
        return None
    return {row["videoID"]: row["enCap"] for p in paths for row in files.json(p)}


def entry(name: str, sentences: tuple[str, ...]) -> Entry:
    return Entry(name, sentences, (f"{name}.mp4",), seconds=length(name))


VATEX = Benchmark(
    name="vatex",
    title="VATEX",
    protocols={HGR: ("train", "val", "test"), SECOND: ("test",)},
    published={
        (HGR, "train"): Counts(25_991, 259_910),
        (HGR, "val"): Counts(1500, 15_000),
        (HGR, "test"): Counts(1500, 15_000),
        (SECOND, "test"): Counts(1500, 15_000),
    },
    read=read,
    folders=("vatex",),
)
