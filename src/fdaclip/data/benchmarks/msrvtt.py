"""MSR-VTT (Xu et al. 2016): 10,000 clips with 20 sentences each.

1k-A (Yu et al. 2018, "JSFusion"): 1,000 pairs of one clip and one sentence are the test; the
training clips are the other 9,000, or the 7,010 of the official train and val ("7k").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fdaclip.data.annotations import Annotations, Entry, Read, clean, drop, listed
from fdaclip.data.benchmarks.benchmark import Benchmark, Counts
from fdaclip.data.errors import DataError

# CLIP4Clip's archive; Collaborative Experts' and Frozen in Time's; a common JSON of both.
TEST_1K = ("MSRVTT_JSFUSION_test.csv", "miech_msrvtt_test.csv", "msrvtt_test_1k.json")
LISTS = {
    ("1k-A 9k", "train"): ("MSRVTT_train.9k.csv", "train_list_jsfusion.txt", "train_9k.csv"),
    ("1k-A 7k", "train"): ("MSRVTT_train.7k.csv", "train_7k.csv"),
    ("full", "train"): ("MSRVTT_train.full.csv", "train_list_full.txt", "train_list.txt"),
    ("full", "val"): ("MSRVTT_val.full.csv", "val_list_full.txt", "val_list.txt"),
    ("full", "test"): ("MSRVTT_test.full.csv", "test_list_full.txt", "test_list.txt"),
}
SENTENCES = ("MSRVTT_data.json", "MSR_VTT.json", "videodatainfo_2017.json")
OFFICIAL = ("train_val_videodatainfo.json", "test_videodatainfo.json")
PAIRED = {"1k-A 9k": "msrvtt_train_9k.json", "1k-A 7k": "msrvtt_train_7k.json"}


def read(files: Annotations, protocol: str, split: str) -> Read:
    if split == "test" and protocol != "full":
        return read_test(files)
    names = LISTS[protocol, split]
    lists = tuple(n for name in names for n in (name, f"ce_{name}"))
    path = files.find(*lists)
    paired = files.find(PAIRED[protocol]) if protocol in PAIRED and path is None else None
    if paired:
        sentences: dict[str, Sequence[str]] = {
            bare(row["video"]): many(row["caption"]) for row in files.json(paired)
        }
        entries, dropped = listed(list(sentences), sentences, entry)
        return Read(entries, dropped)
    ids = files.column(path or files.need(*lists), "video_id")
    known = read_sentences(files)
    if known is None:
        lacking = files.absent(*SENTENCES, " with ".join(OFFICIAL))
        return Read(listed(ids, None, entry)[0], lacking=lacking)
    seconds, sentences = known
    entries, dropped = listed(ids, sentences, lambda n, s: entry(n, s, seconds.get(n)))
    return Read(entries, dropped)


def read_test(files: Annotations) -> Read:
    """One sentence of each clip, in the order of the file."""
    path = files.need(*TEST_1K)
    if ".json" in path.suffixes:
        rows = [(bare(row["video"]), str(row["caption"])) for row in files.json(path)]
    else:
        table = files.table(path)
        if not table or not {"video_id", "sentence"} <= set(table[0]):
            raise DataError(f"{path} needs the columns video_id and sentence")
        rows = [(row["video_id"].strip(), row["sentence"]) for row in table]
    tidy = [(name, clean([sentence])) for name, sentence in rows]
    entries = [entry(name, sentence) for name, sentence in tidy if sentence]
    return Read(entries, drop("rows", [name for name, s in tidy if not s], "without a sentence"))


def read_sentences(
    files: Annotations,
) -> tuple[dict[str, float], dict[str, Sequence[str]]] | None:
    """Lengths and sentences of all clips, from whichever of the files is there."""
    path = files.find(*SENTENCES)
    paths = [path] if path else [p for name in OFFICIAL if (p := files.find(name))]
    if not paths:
        return None
    seconds: dict[str, float] = {}
    sentences: dict[str, list[str]] = {}
    for content, source in ((files.json(p), p) for p in paths):
        rows: list[dict[str, Any]] = content.get("sentences") or content.get("annotations") or []
        for row in rows:
            name = row.get("video_id", row.get("image_id"))
            if name is None or "caption" not in row:
                raise DataError(f"{source} has a sentence without video_id or caption: {row}")
            sentences.setdefault(str(name), []).append(row["caption"])
        for video in content.get("videos", []):
            if "end time" in video:
                seconds[video["video_id"]] = float(video["end time"]) - float(video["start time"])
    return seconds, dict(sentences)


def entry(name: str, sentences: tuple[str, ...], seconds: float | None = None) -> Entry:
    return Entry(name, sentences, (f"{name}.mp4",), seconds=seconds)


def bare(file: str) -> str:
    return file.removesuffix(".mp4")


def many(caption: str | list[str]) -> list[str]:
    return [caption] if isinstance(caption, str) else caption


MSRVTT = Benchmark(
    name="msrvtt",
    title="MSR-VTT",
    protocols={
        "1k-A 9k": ("train", "test"),
        "1k-A 7k": ("train", "test"),
        "full": ("train", "val", "test"),
    },
    published={
        ("1k-A 9k", "train"): Counts(9000, 180_000),
        ("1k-A 7k", "train"): Counts(7010, 140_200),
        ("1k-A 9k", "test"): Counts(1000, 1000),
        ("1k-A 7k", "test"): Counts(1000, 1000),
        ("full", "train"): Counts(6513, 130_260),
        ("full", "val"): Counts(497, 9940),
        ("full", "test"): Counts(2990, 59_800),
    },
    read=read,
    folders=("msrvtt",),
)
