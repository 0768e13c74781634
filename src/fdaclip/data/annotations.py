"""Reads annotation files, notes each one's content hash, and says clearly what is not there."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fdaclip.data.errors import DataError
from fdaclip.data.pickled import read_pickle
from fdaclip.data.records import Dropped
from fdaclip.data.tree import Tree

SHOWN = 3  # examples of what is dropped or missing


@dataclass(frozen=True)
class Entry:
    """One video as the annotation files have it, before its file is looked for.

    Attributes:
        name: its identity.
        sentences: of it, in the order of the file; cleaned.
        files: names that its file may have, the likeliest first.
        start, end: as a record's.
        seconds: how long it is, as annotated.
        paragraph: the sentences are one caption, joined, rather than one each.
    """

    name: str
    sentences: tuple[str, ...]
    files: tuple[str, ...]
    start: float = 0.0
    end: float | None = None
    seconds: float | None = None
    paragraph: bool = False

    @property
    def captions(self) -> tuple[str, ...]:
        return (" ".join(self.sentences),) if self.paragraph and self.sentences else self.sentences


@dataclass
class Read:
    """What a reader found.

    Attributes:
        entries: in the order of the files.
        dropped: what it left out, and why.
        lacking: the error to raise where captions are needed and their file is not there.
    """

    entries: list[Entry]
    dropped: list[Dropped] = field(default_factory=list)
    lacking: DataError | None = None


class Annotations:
    """The annotation files of one data set below a folder.

    Attributes:
        tree: all files of the folder.
        within: names of the folder that the data set may have there.
        sources: file name → SHA-256 of every file read so far.
    """

    def __init__(self, tree: Tree, within: Sequence[str]) -> None:
        self.tree = tree
        self.within = within
        self.sources: dict[str, str] = {}

    def find(self, *names: str) -> Path | None:
        """The file of one of these names, the first that is there; each may be gzipped."""
        return self.tree.annotation(
            [n for name in names for n in (name, f"{name}.gz")], self.within
        )

    def need(self, *names: str) -> Path:
        """As `find`.

        Raises:
            DataError: none is there; it says which names were looked for, and where.
        """
        path = self.find(*names)
        if path is None:
            raise self.absent(*names)
        return path

    def absent(self, *names: str) -> DataError:
        wanted = names[0] if len(names) == 1 else f"none of {', '.join(names)}"
        verb = "is not" if len(names) == 1 else "is"
        return DataError(
            f"{wanted} {verb} in {self.tree.root} or below", "docs/data.md says where to get it"
        )

    def text(self, path: Path) -> str:
        """The content, UTF-8, with or without a byte order mark, unzipped if need be."""
        raw = path.read_bytes()
        self.sources[path.name] = hashlib.sha256(raw).hexdigest()
        try:
            if path.suffix.lower() == ".gz":
                raw = gzip.decompress(raw)
            return raw.decode("utf-8-sig")
        except (OSError, EOFError) as error:
            raise DataError(f"{path} is damaged: {error}", "get it again") from None
        except UnicodeDecodeError as error:
            line = raw[: error.start].count(b"\n") + 1
            raise DataError(f"{path} is not UTF-8 in line {line}", "save it as UTF-8") from None

    def json(self, path: Path) -> Any:
        try:
            return json.loads(self.text(path))
        except json.JSONDecodeError as error:
            raise DataError(
                f"{path} is no JSON in line {error.lineno}: {error.msg}", "get it again"
            ) from None

    def pickle(self, path: Path) -> Any:
        self.sources[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        return read_pickle(path)

    def lines(self, path: Path) -> list[str]:
        """The lines that hold anything, without white space at their ends."""
        return [line.strip() for line in self.text(path).splitlines() if line.strip()]

    def table(self, path: Path) -> list[dict[str, str]]:
        """The rows of a CSV with a header; cells that a short row lacks are empty."""
        reader = csv.DictReader(io.StringIO(self.text(path), newline=""), restval="")
        return [{k: v for k, v in row.items() if k is not None} for row in reader]

    def column(self, path: Path, name: str) -> list[str]:
        """One column of a CSV, or the lines of a list that has no header."""
        if ".txt" in path.suffixes:
            return self.lines(path)
        rows = self.table(path)
        if rows and name not in rows[0]:
            raise DataError(f"{path} has no column {name}, but {', '.join(rows[0])}")
        return [row[name].strip() for row in rows]


def clean(sentences: Sequence[str]) -> tuple[str, ...]:
    """Sentences with single spaces and without those that are empty."""
    tidy = (" ".join(str(sentence).split()) for sentence in sentences)
    return tuple(sentence for sentence in tidy if sentence)


def drop(what: str, items: Sequence[str], why: str) -> list[Dropped]:
    """A note of what was dropped; nothing where nothing was."""
    return [Dropped(what, len(items), why, tuple(items[:SHOWN]))] if items else []


def listed(
    names: Sequence[str],
    sentences: Mapping[str, Sequence[str]] | None,
    entry: Callable[[str, tuple[str, ...]], Entry],
) -> tuple[list[Entry], list[Dropped]]:
    """The entries of a list of videos whose sentences stand elsewhere.

    Args:
        sentences: of each video; None where their file is not there, which leaves all without.
        entry: (name, its cleaned sentences) → `Entry`.
    """
    entries: list[Entry] = []
    seen: set[str] = set()
    twice, bare, empty = [], [], []
    for name in names:
        if name in seen:
            twice.append(name)
            continue
        seen.add(name)
        own = () if sentences is None else sentences.get(name, ())
        tidy = clean(own)
        empty += [name] * (len(own) - len(tidy))
        if tidy or sentences is None:
            entries.append(entry(name, tidy))
        else:
            bare.append(name)
    dropped = drop("videos", twice, "listed twice")
    dropped += drop("videos", bare, "without a sentence in the caption file")
    return entries, dropped + drop("sentences", empty, "empty")
