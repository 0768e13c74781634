"""LSMDC 2016 (Rohrbach et al. 2017): clips of films with a sentence each of audio description.

The 1,000 test clips are those of the challenge's retrieval track. A training clip may have several
sentences. Counts of train and val differ between publications and are not held to any.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fdaclip.data.annotations import Annotations, Entry, Read, drop, listed
from fdaclip.data.benchmarks.benchmark import Benchmark, Counts

FILES = {
    "train": "LSMDC16_annos_training.csv",
    "val": "LSMDC16_annos_val.csv",
    "test": "LSMDC16_challenge_1000_publictect.csv",  # spelt so by its makers
}
BROKEN = "1012_Unbreakable_00.05.16.065-00.05.21.941"  # its file is damaged; every reader skips it
COLUMNS = 6  # clip, start and end aligned, start and end extracted, sentence


def read(files: Annotations, protocol: str, split: str) -> Read:
    path = files.need(FILES[split])
    rows = [line.split("\t") for line in files.text(path).splitlines() if line.strip()]
    if rows and rows[0][0].strip().upper() == "CLIP_ID":
        rows = rows[1:]
    odd = [row[0] for row in rows if len(row) != COLUMNS]
    skipped = [row[0] for row in rows if row[0].strip() == BROKEN]
    seconds: dict[str, float | None] = {}
    sentences: dict[str, Sequence[str]] = {}
    for row in rows:
        clip = row[0].strip()
        if len(row) == COLUMNS and clip != BROKEN:
            sentences[clip] = [*sentences.get(clip, ()), row[5]]
            seconds[clip] = length(row[3], row[4])

    def entry(clip: str, own: tuple[str, ...]) -> Entry:
        film = clip.rpartition("_")[0]
        return Entry(clip, own, (f"{film}/{clip}.avi", f"{clip}.avi"), seconds=seconds[clip])

    entries, dropped = listed(list(sentences), sentences, entry)
    dropped += drop("rows", odd, f"not of {COLUMNS} columns")
    return Read(entries, dropped + drop("rows", skipped, "the clip is damaged in all copies"))


def length(start: str, end: str) -> float | None:
    """Seconds between two times like 00.05.16.065."""
    times = []
    for text in (start, end):
        found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)\.(\d+)", text.strip())
        if not found:
            return None
        hours, minutes, seconds, thousandths = map(int, found.groups())
        times.append(3600 * hours + 60 * minutes + seconds + thousandths / 1000)
    return times[1] - times[0]


LSMDC = Benchmark(
    name="lsmdc",
    title="LSMDC",
    protocols={"1k": ("train", "val", "test")},
    published={("1k", "test"): Counts(1000, 1000)},
    read=read,
    folders=("lsmdc",),
)
