"""What a score means: how often would chance do as well?

Shapes: M moments, B sentences of the bank, E embedding.

A cosine says little by itself: some models give 0.3 to everything, some moments are close to every
sentence, and among a million moments the best always looks good. So the library is asked a bank of
sentences (`bank.txt`), once, and a hit is compared with what they found:

1. A moment's fit with a sentence is *standardised* by its fits with the whole bank,
   z = (s − mean) / deviation. However much a library holds, one moment is about few sentences, so
   these two are hardly touched by what is true (as in QB-Norm, Bogolin et al. 2022, or CSLS).
2. The best z among the 10 best hits of each bank sentence tells what the best of M moments looks
   like: T. Sentences that can be seen nowhere ("inflation rose last quarter") are wrong for
   certain; the *spread* of their T is that of chance. Yet they are farther from any picture than
   words for things are, so they are shifted to where the lowest tenth of the sentences about things
   ends: those are wrong even in a library that holds most of what there is (an empirical null:
   Efron 2004). A quantile of the bank's scores would not do: a broad library answers most of it.
3. A hit's *confidence* is the share of this chance that lies below its z.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from .hits import Match
from .search import UNIT, Index, Unsound

FILE = "chance.npz"
LOWEST = 0.1  # share of the sentences about things that is taken to be wrong in any library
AT = 10  # hits among which the best z is looked for
LIKELY, STRONG = 0.75, 0.95  # confidence from which a hit is called so; see docs/search.md
FEW = 20_000  # moments; up to so many it is learnt anew whenever the tables change
CHANGE = 0.1  # share by which more moments must have grown or shrunk before it is
TEXTS = 64  # sentences encoded at a time

Floats = NDArray[np.float32]


@cache
def bank() -> tuple[tuple[str, ...], NDArray[np.bool_]]:
    """The sentences, and which of them are about something to be seen, bool [B]."""
    lines = files(__package__).joinpath("bank.txt").read_text("utf-8").splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    seen = np.array([not line.startswith("~") for line in lines])
    return tuple(line.removeprefix("~").strip() for line in lines), seen


@cache
def digest_of(fingerprint: str) -> str:
    """Of the bank and the model that encodes it."""
    sentences, _ = bank()
    text = "\n".join((fingerprint, *sentences))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def encoded(encode_texts: Callable[[Sequence[str]], Floats]) -> Floats:
    """The bank's vectors, float32 [B,E]."""
    sentences, _ = bank()
    starts = range(0, len(sentences), TEXTS)
    return np.concatenate([encode_texts(sentences[n : n + TEXTS]) for n in starts])


@dataclass(frozen=True)
class Chance:
    """What sentences find that are about nothing in the library.

    Attributes:
        digest: of bank and model. bank: its vectors, float32 [B,E].
        best: of each of its sentences the best z that it found, float64 [B].
        tables: the state of the tables it was learnt from. moments: how many they were.
    """

    digest: str
    bank: Floats
    best: NDArray[np.float64]
    tables: str
    moments: int

    def holds(self, tables: str | None, moments: int) -> bool:
        """Is it still good for these tables, which hold so many moments?"""
        changed = abs(moments - self.moments)
        return tables == self.tables or (
            moments > FEW and changed <= CHANGE * min(moments, self.moments)
        )

    @cached_property
    def null(self) -> NDArray[np.float64]:
        """The best z by chance, ascending."""
        return null_of(self.best, bank()[1])

    def confidence(self, sentence: Floats, vectors: Floats) -> NDArray[np.float64]:
        """Of moments [N,E] for a sentence's vector [E]: 0 to 1, [N].

        A moment's is the same to the bit whatever the others are.
        """
        fits = np.vecdot(vectors[:, None], self.bank)  # [N,B]
        z = _standardised(np.vecdot(vectors, sentence), fits)
        shares = (np.arange(len(self.null)) + 0.5) / len(self.null)
        confidence: NDArray[np.float64] = np.interp(z, self.null, shares)
        return confidence


def null_of(best: NDArray[np.float64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The best z by chance, ascending: of what cannot be seen, moved up to what can be."""
    unseen = np.sort(best[~seen])
    shift: float = np.quantile(best[seen], LOWEST) - np.quantile(unseen, LOWEST)
    null: NDArray[np.float64] = unseen + max(0.0, shift)
    return null


def word(confidence: float) -> Match:
    """A confidence in a word."""
    return "strong" if confidence >= STRONG else "likely" if confidence >= LIKELY else "weak"


def learnt(index: Index, digest: str, vectors: Floats, tables: str) -> Chance:
    """Ask the library the bank's sentences, whose vectors are float32 [B,E]."""
    best = _best_by_search(index, vectors) if index.grouped else _best_of_all(index, vectors)
    return Chance(digest, vectors, best, tables, len(index))


def _best_of_all(index: Index, vectors: Floats) -> NDArray[np.float64]:
    """The best z among the `AT` best of all moments, by sentence, [B]."""
    top = np.full((len(vectors), 0), 0.0)
    z = top.copy()
    for block in index.blocks():
        if not len(block):
            continue
        with np.errstate(over="ignore", invalid="ignore"):  # what is damaged may be anything
            lengths = np.linalg.norm(block, axis=1)
        if not (np.abs(lengths - 1) <= UNIT).all():
            raise Unsound("a vector has not unit length")
        fits = block @ vectors.T  # [n,B]
        own = _standardised(fits, fits)
        top = np.concatenate([top, fits.T], axis=1)
        z = np.concatenate([z, own.T], axis=1)
        if top.shape[1] > AT:
            chosen = np.argpartition(-top, AT - 1, axis=1)[:, :AT]
            top = np.take_along_axis(top, chosen, axis=1)
            z = np.take_along_axis(z, chosen, axis=1)
    return z.max(axis=1) if z.shape[1] else np.zeros(len(vectors))


def _best_by_search(index: Index, vectors: Floats) -> NDArray[np.float64]:
    """The same, where the search knows where the best are likely to be."""
    best = np.zeros(len(vectors))
    for number, sentence in enumerate(vectors):
        found = index.ranked(sentence, AT)
        if found:
            moments = np.stack([index.parts[part].moments.vectors[row] for part, row, _ in found])
            best[number] = _standardised(moments @ sentence, moments @ vectors.T).max()
    return best


def _standardised(scores: NDArray[np.float32], fits: Floats) -> NDArray[np.float64]:
    """Scores [N] or [N,·] of moments in deviations from their fits with the bank, [N,B]."""
    mean, deviation = fits.mean(1, dtype=np.float64), fits.std(1, dtype=np.float64)
    deviation = np.maximum(deviation, 1e-6)
    if scores.ndim == 2:
        mean, deviation = mean[:, None], deviation[:, None]
    z: NDArray[np.float64] = (scores - mean) / deviation
    return z


def read(folder: Path, digest: str) -> Chance | None:
    """What was learnt with this bank and model and lies in a folder; None if nothing sound does."""
    with suppress(OSError, ValueError, KeyError, BadZipFile), np.load(folder / FILE) as file:
        if str(file["digest"]) == digest:
            vectors, best = file["bank"], file["best"]
            if len(vectors) == len(best) == len(bank()[0]) and np.isfinite(best).all():
                return Chance(digest, vectors, best, str(file["tables"]), int(file["moments"]))
    return None


def write(folder: Path, chance: Chance) -> None:
    """Keep it; nothing is lost where that cannot be done."""
    unfinished = folder / f"{secrets.token_hex(8)}.{FILE}"
    with suppress(OSError):
        try:
            with unfinished.open("wb") as file:
                np.savez(
                    file,
                    digest=chance.digest,
                    bank=chance.bank,
                    best=chance.best,
                    tables=chance.tables,
                    moments=chance.moments,
                )
            unfinished.replace(folder / FILE)
        finally:
            unfinished.unlink(missing_ok=True)
