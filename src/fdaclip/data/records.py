"""The one record type that every dataset reader yields."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Record:
    """One video (or a stretch of one) and the sentences that describe it.

    Attributes:
        name: identity of the video within its dataset.
        path: the video file.
        captions: one or more sentences; each is a query whose right answer is this record.
        start, end: seconds within the file; ``end=None`` is the end of the video.
    """

    name: str
    path: Path
    captions: tuple[str, ...]
    start: float = 0.0
    end: float | None = None
