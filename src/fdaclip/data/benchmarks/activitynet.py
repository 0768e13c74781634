"""ActivityNet Captions (Krishna et al. 2017): long videos, each with a paragraph of sentences.

The field tests on val_1, so it is what ``test`` and ``val`` mean here; val_2 has other annotators'
paragraphs of much the same videos. To choose an epoch without looking at the test, use the splits
``fit`` and ``held_out`` of train.

- ``paragraph``: a video's sentences in the order of time;
- ``paragraph as listed``: in the file's order, as CLIP4Clip joins them; 293 of val_1 differ.
"""

from __future__ import annotations

from collections.abc import Sequence

from fdaclip.data.annotations import Annotations, Entry, Read, listed
from fdaclip.data.benchmarks.benchmark import Benchmark, Counts

IN_TIME, AS_LISTED = "paragraph", "paragraph as listed"


def read(files: Annotations, protocol: str, split: str) -> Read:
    content = files.json(files.need(f"{split}.json"))
    sentences: dict[str, Sequence[str]] = {}
    for name, video in content.items():
        pairs = list(zip(video["timestamps"], video["sentences"], strict=True))
        if protocol == IN_TIME:
            pairs.sort(key=lambda pair: (pair[0][0], pair[0][1]))
        sentences[name] = [sentence for _, sentence in pairs]

    def entry(name: str, own: tuple[str, ...]) -> Entry:
        files = (f"{name}.mp4", f"{name.removeprefix('v_')}.mp4")
        return Entry(name, own, files, seconds=float(content[name]["duration"]), paragraph=True)

    return Read(*listed(list(content), sentences, entry))


SPLITS = ("train", "val_1", "val_2")
COUNTS = {"train": Counts(10_009, 10_009), "val_1": Counts(4917, 4917), "val_2": Counts(4885, 4885)}
ACTIVITYNET = Benchmark(
    name="activitynet",
    title="ActivityNet Captions",
    protocols={IN_TIME: SPLITS, AS_LISTED: SPLITS},
    published={(p, s): COUNTS[s] for p in (IN_TIME, AS_LISTED) for s in SPLITS},
    read=read,
    folders=("activitynet",),
    aliases={"test": "val_1", "val": "val_1", "validation": "val_1"},
)
