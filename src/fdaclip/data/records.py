"""The record type that every reader yields, and the dataset that holds the records."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Record:
    """One video (or a stretch of one) and the sentences that describe it.

    Attributes:
        name: identity of the video within its dataset.
        path: the video file.
        captions: one or more sentences; each is a query whose right answer is this record.
        start, end: seconds within the file; ``end=None`` is the end of the video, and so is an end
            that lies behind it.
    """

    name: str
    path: Path
    captions: tuple[str, ...]
    start: float = 0.0
    end: float | None = None


@dataclass(frozen=True)
class Dropped:
    """Something that the files hold and the dataset does not.

    Attributes:
        what: "videos", "sentences" or "rows".
        count: how many.
        why: one clause, such as "empty".
        examples: the first few.
    """

    what: str
    count: int
    why: str
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        more = ["…"] if 0 < len(self.examples) < self.count else []
        shown = ", ".join([*self.examples, *more])
        return f"{self.count:,} {self.what} dropped: {self.why}" + (f" ({shown})" if shown else "")


@dataclass(frozen=True)
class Dataset:
    """One split of a dataset under one protocol.

    Attributes:
        name: as `load_dataset` knows it, or the name of a file of one's own.
        split, protocol: which; both belong beside every figure.
        records: the videos with their captions, in the order of the annotation files.
        sentences: how many sentences of the files went into the captions; more than `captions`
            where a protocol joins a video's sentences to one paragraph.
        seconds: of each record, its length by the annotation files; None where they do not say.
        dropped: what was left out, and why.
        missing: names of videos that are not on disk or of no use; only with ``allow_missing``.
        sources: annotation file → SHA-256 of its content.
    """

    name: str
    split: str
    protocol: str
    records: tuple[Record, ...]
    sentences: int
    seconds: tuple[float | None, ...]
    dropped: tuple[Dropped, ...] = ()
    missing: tuple[str, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.seconds) != len(self.records):
            raise ValueError(f"{len(self.seconds)} lengths for {len(self.records)} records")

    @property
    def videos(self) -> int:
        """Candidates: the records."""
        return len(self.records)

    @property
    def captions(self) -> int:
        """Sentences of the annotation files that are in use."""
        return self.sentences

    @cached_property
    def queries(self) -> int:
        """Texts to search with: every caption of every record."""
        return sum(len(record.captions) for record in self.records)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of all that decides a figure but the pixels: protocol, names, captions, times.

        The same wherever the videos lie, and for files of another format with the same content.
        """
        digest = hashlib.sha256()
        head = [self.name, self.split, self.protocol, self.missing]
        digest.update(json.dumps(head).encode())
        for record in self.records:
            row = [record.name, record.captions, record.start, record.end]
            digest.update(json.dumps(row).encode())
        return digest.hexdigest()

    def describe(self) -> str:
        """``msrvtt test (1k-A 9k): 1,000 videos, 1,000 queries``, with what is missing."""
        text = (
            f"{self.name} {self.split} ({self.protocol}): "
            f"{self.videos:,} videos, {self.queries:,} queries"
        )
        return text + (f", {len(self.missing):,} videos missing" if self.missing else "")
