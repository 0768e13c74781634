"""What there is to know of a benchmark: its protocols, its published counts, and its reader."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fdaclip.data.annotations import Annotations, Read
from fdaclip.data.errors import DataError

SPELLINGS = {"valid": "val", "validate": "val", "validation": "val", "training": "train"}


@dataclass(frozen=True)
class Counts:
    """Published sizes of a split; None where none could be confirmed."""

    videos: int | None
    queries: int | None


@dataclass(frozen=True)
class Benchmark:
    """One benchmark.

    Attributes:
        name: as the command line takes it. title: as papers print it.
        protocols: protocol → its splits; the first protocol is the default.
        published: (protocol, split) → counts that a reading is held to.
        read: (annotation files, protocol, split) → entries. Raises DataError for missing files.
        folders: names that its folder has where people keep several, in small letters and without
            hyphens.
        aliases: other names of splits.
    """

    name: str
    title: str
    protocols: Mapping[str, tuple[str, ...]]
    published: Mapping[tuple[str, str], Counts]
    read: Callable[[Annotations, str, str], Read]
    folders: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def protocol(self, asked: str | None) -> str:
        """The protocol meant: the default for None; unambiguous parts of a name will do ("7k").

        Raises:
            DataError: there is no such one; it lists those there are.
        """
        default = next(iter(self.protocols))
        if asked is None:
            return default
        exact = [p for p in self.protocols if plain(p) == plain(asked)]
        like = [p for p in self.protocols if plain(asked) and plain(asked) in plain(p)]
        for found in (exact, [p for p in like if p == default], like):
            if len(found) == 1:
                return found[0]
        raise DataError(
            f"{self.name} has no protocol {asked!r}", f"one of: {', '.join(self.protocols)}"
        )

    def split(self, protocol: str, asked: str) -> str:
        """The split meant.

        Raises:
            DataError: the protocol has no such split; it lists those there are.
        """
        name = asked.strip().lower().replace("-", "_")
        name = self.aliases.get(name, SPELLINGS.get(name, name))
        if name in (*self.protocols[protocol], *HELD_OUT_SPLITS):
            return name
        raise DataError(
            f"{self.name} ({protocol}) has no split {asked!r}",
            f"one of: {', '.join((*self.protocols[protocol], *HELD_OUT_SPLITS))}",
        )


HELD_OUT_SPLITS = ("fit", "held_out")  # two parts of train, for protocols without a val


def plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
