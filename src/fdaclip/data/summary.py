"""What a split holds, in figures: counts, words, lengths. Needs the annotation files only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fdaclip.data.benchmarks import DATASETS
from fdaclip.data.load import Plan
from fdaclip.data.records import Dropped
from fdaclip.data.tree import stem

BARS = "▏▎▍▌▋▊▉█"  # eighths of a character


@dataclass(frozen=True)
class Spread:
    """How numbers are distributed."""

    count: int
    min: float
    median: float
    mean: float
    p95: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """None of no numbers."""
        if not values:
            return None
        array = np.asarray(values, np.float64)
        middle, high = np.percentile(array, [50, 95])
        figures = (array.min(), middle, array.mean(), high, array.max())
        return cls(len(values), *(round(float(f), 2) for f in figures))


@dataclass(frozen=True)
class Summary:
    """A split in figures.

    Attributes:
        videos: candidates. captions: sentences in use. queries: texts to search with.
        distinct: different texts among the queries; two videos with one text are a tie for anyone.
        twice: videos that occur under several names, differing in the extension.
        per_video: sentences of each video. words: of each query. seconds: lengths as annotated, of
            those videos for which the files tell.
        hours: all those lengths together.
        dropped: what the files hold and the split does not. sources: file → SHA-256.
        lacking: what is needed for the captions, where they are not there.
    """

    name: str
    title: str
    split: str
    protocol: str
    videos: int
    captions: int
    queries: int
    distinct: int
    twice: int
    per_video: Spread | None
    words: Spread | None
    seconds: Spread | None
    hours: float
    dropped: tuple[Dropped, ...]
    sources: dict[str, str]
    lacking: str | None


def summarise(found: Plan) -> Summary:
    """The figures of a plan (`fdaclip.data.load.plan`)."""
    texts = [caption for entry in found.entries for caption in entry.captions]
    lengths = [entry.seconds for entry in found.entries if entry.seconds is not None]
    stems = {(stem(entry.files[0]), entry.start, entry.end) for entry in found.entries}
    known = DATASETS.get(found.name)
    return Summary(
        name=found.name,
        title=known.title if known else found.name,
        split=found.split,
        protocol=found.protocol,
        videos=len(found.entries),
        captions=sum(len(entry.sentences) for entry in found.entries),
        queries=len(texts),
        distinct=len(set(texts)),
        twice=len(found.entries) - len(stems),
        per_video=Spread.of([len(e.sentences) for e in found.entries if e.sentences]),
        words=Spread.of([len(text.split()) for text in texts]),
        seconds=Spread.of(lengths),
        hours=round(sum(lengths) / 3600, 2),
        dropped=tuple(found.dropped),
        sources=found.sources,
        lacking=str(found.lacking) if found.lacking else None,
    )


def histogram(values: Sequence[float], unit: str, width: int = 40, most: int = 10) -> list[str]:
    """A plot of text, one line a bin: the range, a bar, the count.

    Bins are equal and end at round numbers; what lies above the 99th percentile is one bin.

    Args:
        width: characters of the longest bar.
        most: bins, about.
    """
    if not values:
        return []
    array = np.asarray(values, np.float64)
    step = round_step(float(np.percentile(array, 99) - array.min()) / most)
    first = np.floor(array.min() / step) * step
    last = first + step * (1 + np.floor((np.percentile(array, 99) - first) / step))
    if last <= array.max() < last + step:  # one more bin holds the rest
        last += step
    edges = np.append(np.arange(first, last - step / 2, step), last)
    counts = np.histogram(array[array < last], edges)[0]
    above = int((array >= last).sum())
    ones = 1 if (array == array.round()).all() else 0  # whole numbers end before the next bin
    ranges = [
        f"{low:g}" if low == high - ones else f"{low:g}–{high - ones:g}"
        for low, high in pairwise(edges)
    ]
    if above:
        ranges, counts = [*ranges, f"> {last - ones:g}"], np.append(counts, above)
    across = max(map(len, ranges))
    return [
        f"{name:>{across}} {unit} {bar(count / counts.max(), width)} {count:,}"
        for name, count in zip(ranges, counts.tolist(), strict=True)
    ]


def round_step(step: float) -> float:
    """The next larger of 1, 2, 5, 10, 20, 50, …"""
    if step <= 1:
        return 1.0
    power = 10.0 ** np.floor(np.log10(step))
    return float(next(m * power for m in (1, 2, 5, 10) if m * power >= step))


def bar(share: float, width: int) -> str:
    """A bar of up to `width` characters, by eighths of one; something of anything."""
    eighths = round(share * width * 8)
    if share > 0:
        eighths = max(1, eighths)
    whole, rest = divmod(eighths, 8)
    return (BARS[-1] * whole + (BARS[rest - 1] if rest else "")).ljust(width)
