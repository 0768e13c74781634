"""What is said, written and named, beside what is seen.

Shapes: W windows of a take, E embedding.

Captions and subtitles are found by LanceDB's full-text index, and by the windows in which they are
shown; names by the paths that the vector file lists, so that a library without captions needs no
LanceDB to be asked. Both are rankings of windows of their own, fused with that of what is seen by
reciprocal ranks (`fuse`). A window counts as found by words only if it holds at least half of those
asked for, common ones aside.
"""

# Paths are strings here: os loses none of their bytes.
# ruff: noqa: PTH118, PTH119

from __future__ import annotations

import math
import os
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from .fuse import ranks, reciprocal_rank_fusion
from .names import from_key
from .results import Candidate, Source
from .rows import Moments
from .words import FOLDERS, content_words, folded, name_words

if TYPE_CHECKING:
    from .findable import File
    from .store import Store

TEXTS = 200  # captions that are looked at, and names
COVERED = 0.5  # of the words asked for, that must be there
DEPTH = 100  # windows of the ranking by what is seen that take part, beside those found by words
WORDS = 1000  # words whose files are kept in memory
LONGEST = 1000  # characters of a sentence that are looked for

Floats = NDArray[np.float32]
Window = tuple[int, float]  # take and start, s


@dataclass(frozen=True)
class TextHit:
    """Words that fit a sentence.

    Attributes:
        take: of the video that they go with.
        start, end: s, when they are shown; of a name 0 and infinity.
        source: "captions", "subtitles" or "name".
        text: the cue, or the file's name.
        words: of those asked for, the stems that are in it.
        score: higher is better; comparable within one source and one sentence.
    """

    take: int
    start: float
    end: float
    source: Literal["captions", "subtitles", "name"]
    text: str
    words: frozenset[str]
    score: float


def find_text(
    store: Store, sentence: str, files: Iterable[File], limit: int = TEXTS
) -> list[TextHit]:
    """The captions and subtitles of these files that fit a sentence best, best first (BM25)."""
    takes: dict[int, set[int]] = {}
    for file in files:
        if file.words:
            takes.setdefault(file.words, set()).add(file.take)
    asked = frozenset(content_words(sentence))
    found, count = list[TextHit](), limit
    while True:
        rows = store.find_texts(sentence[:LONGEST], count)
        known = [row for row in rows if row[0] in takes]  # others are of files that are gone
        if len(known) >= limit or len(rows) < count:
            break
        count *= 2
    for edition, text, score in known[:limit]:
        words = asked & frozenset(content_words(text.text))
        for take in sorted(takes[edition]):
            one = TextHit(take, text.start, text.end, text.source, text.text, words, score)
            found.append(one)
    return found


class Names:
    """The names of files, to be searched by words.

    Args:
        paths: keys of the files.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        ends = [os.sep.join(path.rsplit(os.sep, FOLDERS + 1)[1:]) for path in paths]
        plain = [end.lower() if end.isascii() else folded(end) for end in ends]
        self._text = "\n".join(plain)
        lengths = np.fromiter((len(one) + 1 for one in plain), np.int64, len(plain))
        self._starts = [0, *np.cumsum(lengths).tolist()]
        self._holding: dict[str, list[int]] = {}  # by words that were asked for

    def find(self, sentence: str) -> list[tuple[int, frozenset[str], float]]:
        """Number, words and score of the files whose names hold some of a sentence's words.

        A word scores the logarithm of how rare it is among the names; one that all have is none.
        """
        asked = content_words(sentence)
        held: dict[int, set[str]] = {}
        for word in asked:
            holding = self._holding_word(word)
            if 0 < len(holding) < len(self._paths):
                for number in holding:
                    held.setdefault(number, set()).add(word)
        counts = dict.fromkeys(asked, 0)
        for words in held.values():
            for word in words:
                counts[word] += 1
        return [
            (
                number,
                frozenset(words),
                sum(math.log(len(self._paths) / counts[word]) for word in sorted(words)),
            )
            for number, words in sorted(held.items())
        ]

    def _holding_word(self, word: str) -> list[int]:
        """The files whose names hold a word; kept, for the words of sentences recur."""
        found = self._holding.get(word)
        if found is None:
            found = [number for number in self._near(word) if word in self._words(number)]
            if len(self._holding) >= WORDS:
                self._holding.clear()
            self._holding[word] = found
        return found

    def _near(self, word: str) -> list[int]:
        """The files whose names may hold a form of a word."""
        part = word.rstrip("y") or word  # cities
        numbers, at = list[int](), self._text.find(part)
        while at >= 0:
            number = bisect_right(self._starts, at) - 1
            numbers.append(number)
            at = self._text.find(part, self._starts[number + 1])
        return numbers

    def _words(self, number: int) -> list[str]:
        return content_words(name_words(self._paths[number]))


def find_names(names: Names, sentence: str, files: Sequence[File]) -> list[TextHit]:
    """The files whose names hold enough of a sentence's words, in order of path.

    Args:
        names: of these files, in their order.
    """
    return [
        TextHit(
            files[number].take,
            0.0,
            math.inf,
            "name",
            os.path.basename(from_key(files[number].path)),
            words,
            score,
        )
        for number, words, score in names.find(sentence)
    ]


@dataclass(frozen=True)
class _Worded:
    """A window found by words: what is shown of them, and how they score."""

    candidate: Candidate
    words: frozenset[str]
    score: float
    best: float = 0.0  # of its texts


class WithText:
    """A source in which what words find is fused with what is seen: a `results.Source`.

    Args:
        seen: the source by what is seen.
        asked: the stems of the words asked for.
        texts: what they found, of any source.
    """

    def __init__(self, seen: Source, asked: Sequence[str], texts: Sequence[TextHit]) -> None:
        self._seen, self._asked, self._texts = seen, asked, texts
        self._made: tuple[Floats, list[dict[Window, float]], dict[Window, Candidate]] | None = None

    @property
    def centre(self) -> Floats:
        return self._seen.centre

    def windows(self, take: int) -> Moments:
        return self._seen.windows(take)

    def paths(self, take: int) -> tuple[str, ...]:
        return self._seen.paths(take)

    def best(self, query: Floats, count: int) -> list[Candidate]:
        """By fused ranks; a window's key does not depend on how many are asked for."""
        rankings, worded = self._by_words(query)
        seen = self._seen.best(query, max(count, DEPTH))
        found = {(one.take, one.start): one for one in seen} | worded
        by_sight = {
            (one.take, one.start): float(rank)
            for rank, one in enumerate(seen, 1)
            if rank <= DEPTH or (one.take, one.start) not in worded
        }
        keys = reciprocal_rank_fusion([by_sight, *rankings])
        order = sorted(keys, key=lambda one: (-keys[one], -found[one].score, one))
        return [found[one].keyed(keys[one]) for one in order[:count]]

    def _by_words(self, query: Floats) -> tuple[list[dict[Window, float]], dict[Window, Candidate]]:
        """Rankings of windows by captions and by names, and those windows."""
        if self._made is None or self._made[0] is not query:
            said = [text for text in self._texts if text.source != "name"]
            named = [text for text in self._texts if text.source == "name"]
            captions, files = self._said(said, query), self._named(named, query)
            rankings = [
                ranks([(window, one.score) for window, one in some.items()])
                for some in (captions, files)
            ]
            # what very many names have says little of each: it is not worth looking at
            rankings[1] = {window: rank for window, rank in rankings[1].items() if rank <= TEXTS}
            kept = {window: one.candidate for window, one in captions.items()}
            for window in rankings[1].keys() - kept.keys():
                kept[window] = files[window].candidate
            self._made = query, rankings, kept
        return self._made[1], self._made[2]

    def _said(self, texts: Sequence[TextHit], query: Floats) -> dict[Window, _Worded]:
        """The windows in which words are shown, all of a window's words together."""
        found: dict[Window, _Worded] = {}
        windows: dict[int, Moments] = {}
        for text in texts:
            if text.take not in windows:
                windows[text.take] = self._seen.windows(text.take)
            moments = windows[text.take]
            row = _shown_in(moments, text.start, text.end)
            if row is None:
                continue
            window = (text.take, float(moments.start[row]))
            one = found.get(window)
            if one is None:
                one = _Worded(_candidate(moments, row, query), frozenset(), 0.0)
            candidate = one.candidate
            if text.score > one.best:
                span = (text.start, text.end)
                candidate = replace(candidate, text=text.text, text_span=span)
            found[window] = _Worded(
                candidate, one.words | text.words, one.score + text.score, max(one.best, text.score)
            )
        return {window: one for window, one in found.items() if self._enough(one.words)}

    def _named(self, texts: Sequence[TextHit], query: Floats) -> dict[Window, _Worded]:
        """Of each video whose name fits, the window that fits best by what is seen."""
        enough = [text for text in texts if self._enough(text.words)]
        places = ranks([(number, text.score) for number, text in enumerate(enough)])
        found: dict[Window, _Worded] = {}
        for number, text in enumerate(enough):
            if places[number] > TEXTS:
                continue
            moments = self._seen.windows(text.take)
            if not len(moments):
                continue
            row = int(np.argmax(np.vecdot(moments.vectors, query)))
            candidate = replace(_candidate(moments, row, query), text=text.text)
            window = (text.take, candidate.start)
            if window not in found or found[window].score < text.score:
                found[window] = _Worded(candidate, text.words, text.score)
        return found

    def _enough(self, words: frozenset[str]) -> bool:
        return bool(words) and len(words) >= COVERED * len(self._asked)


def with_text(
    seen: Source,
    sentence: str,
    files: Sequence[File],
    names: Names,
    has_words: bool,
    store: Callable[[], Store],
) -> Source:
    """The source, with what a sentence's words find; as it is where they find nothing.

    Args:
        names: of the files, in their order.
        has_words: has one of the files captions or subtitles?
        store: opens the tables; called only if one has.
    """
    asked = content_words(sentence)
    if not asked:
        return seen
    texts = find_names(names, sentence, files)
    if has_words:
        texts += find_text(store(), sentence, files)
    return WithText(seen, asked, texts) if texts else seen


def _candidate(moments: Moments, row: int, query: Floats) -> Candidate:
    vector = moments.vectors[row]
    return Candidate(
        take=int(moments.take[row]),
        start=float(moments.start[row]),
        end=float(moments.end[row]),
        score=float(np.vecdot(vector, query)),
        vector=vector,
    )


def _shown_in(moments: Moments, start: float, end: float) -> int | None:
    """The window that shows most of [start, end), the earlier of two; None if none does."""
    shared = np.minimum(moments.end, end) - np.maximum(moments.start, start)
    if not len(shared) or shared.max() <= 0:
        return None
    return int(np.argmax(shared))
