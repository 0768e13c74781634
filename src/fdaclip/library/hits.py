"""What a search gives: moments, best first, and whether any of them is meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Match = Literal["strong", "likely", "weak", ""]


@dataclass(frozen=True)
class Alike:
    """A moment of another content that looks the same: a copy that was encoded anew, say.

    Attributes:
        path, start, end: where it is. agreement: cosine of the two moments' vectors.
    """

    path: str
    start: float
    end: float
    agreement: float


@dataclass(frozen=True)
class Hit:
    """A moment that answers a query: a window of a video, or neighbouring ones that all fit.

    Attributes:
        path: of the video; undecodable bytes are surrogates, as Python's ``os`` gives them.
        start, end: s from the video's start.
        score: cosine of query and moment, -1 to 1; of windows that were merged, the best one's.
        motion: mean energy of what moves in it, 0 to 1.
        share: mean share of the picture that moves. moving: share of its frames with motion.
        also: other files with the same content.
        take: the number that its content goes by in the library.
        spans: start and end, s, of the windows that it consists of, in order.
        best: start and end, s, of the window that fits best.
        alike: moments of other contents that look the same; they are not shown by themselves.
        others: where hits are grouped by video, its other moments that fit, best first.
        confidence: the share of sentences about nothing in the library whose best hit would fit
            worse than this, 0 to 1; None if that is not known. Of the wanted sentences only.
        match: that in a word: "strong", "likely" or "weak"; empty if it is not known.
        offline: its disk is not there at the moment.
        text: words that go with the moment and matched, if any. text_span: from when to when.
    """

    path: str
    start: float
    end: float
    score: float
    motion: float
    share: float
    moving: float
    also: tuple[str, ...] = ()
    take: int = 0
    spans: tuple[tuple[float, float], ...] = ()
    best: tuple[float, float] = (0.0, 0.0)
    alike: tuple[Alike, ...] = ()
    others: tuple[Hit, ...] = ()
    confidence: float | None = None
    match: Match = ""
    offline: bool = False
    text: str = ""
    text_span: tuple[float, float] | None = None


@dataclass(frozen=True)
class Page:
    """Some of the hits for a query, in order.

    Attributes:
        hits: best first.
        next: what to ask with for those that follow; None if there are no more.
        nothing: True if none of these hits is more than chance would find, False if one is; None
            if that is not known: see ``Hit.confidence``.
    """

    hits: tuple[Hit, ...]
    next: str | None
    nothing: bool | None


@dataclass(frozen=True)
class VideoHit:
    """A whole video that fits a query.

    Attributes:
        path, also, take: as ``Hit``'s. duration: s.
        score: cosine of query and video; a video's vector is the mean of its moments' by duration.
    """

    path: str
    score: float
    duration: float
    also: tuple[str, ...] = ()
    take: int = 0
