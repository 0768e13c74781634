"""What is to be exported: parts of videos, from a search, from the command line or from JSON."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any

from fdaclip.library.errors import LibraryError

_NAMED = re.compile(r"(?P<path>.+)@(?P<start>[\d:.]+)-(?P<end>[\d:.]+)", re.DOTALL)
_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d*)?|\.\d+)")


class NotAnExcerpt(LibraryError):
    """What was given tells no part of a video."""


@dataclass(frozen=True)
class Excerpt:
    """[start, end) of a video, in s from its start.

    Attributes:
        path: of the video; undecodable bytes are surrogates, as Python's ``os`` gives them.
        facts: what else is known of it, such as its score; lists hand it on.

    Raises:
        NotAnExcerpt: the times are no span.
    """

    path: str
    start: float
    end: float
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        if not (0 <= self.start < self.end < math.inf):
            raise NotAnExcerpt(
                f"{self.path!r}: {self.start} to {self.end} s is no part of a video",
                "the start must not be below 0, and the end must lie after it",
            )


def as_excerpt(moment: Any) -> Excerpt:
    """Of a hit, or of anything else that has ``path``, ``start`` and ``end``.

    Raises:
        NotAnExcerpt: it has not.
    """
    if isinstance(moment, Excerpt):
        return moment
    known: Any = moment
    if is_dataclass(moment) and not isinstance(moment, type):
        known = asdict(moment)
    if isinstance(known, Mapping) and {"path", "start", "end"} <= known.keys():
        facts = {name: known[name] for name in known if name not in ("path", "start", "end")}
        try:
            return Excerpt(
                os.fspath(known["path"]), float(known["start"]), float(known["end"]), facts
            )
        except (TypeError, ValueError):
            pass
    raise NotAnExcerpt(f"no part of a video: {str(moment)[:80]!r}", "it needs path, start and end")


def parse(text: str) -> Excerpt | None:
    """Of ``PATH@START-END`` (s, ``M:SS`` or ``H:MM:SS``, with decimals); None if it is not that.

    Raises:
        NotAnExcerpt: it is, but its times are no span.
    """
    found = _NAMED.fullmatch(text)
    if not found:
        return None
    start, end = seconds(found["start"]), seconds(found["end"])
    if start is None or end is None:
        return None
    return Excerpt(os.path.expanduser(found["path"]), start, end)  # noqa: PTH111 - bytes are kept


def seconds(clock: str) -> float | None:
    """``75``, ``1:15`` or ``0:01:15.5``; None if it is no time."""
    found = _CLOCK.fullmatch(clock)
    if not found:
        return None
    hours, minutes, rest = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(rest)


def read_json(text: str) -> list[Excerpt]:
    """Of a list as ``fdaclip search --json`` and ``fdaclip export --list X.json`` write it.

    Raises:
        NotAnExcerpt: it is no such list.
    """
    hint = "it should be what fdaclip search --json prints"
    try:
        read = json.loads(text)
    except ValueError as error:
        raise NotAnExcerpt(f"the list is no JSON: {error}", hint) from None
    if isinstance(read, Mapping):
        read = read.get("hits")
    if not isinstance(read, list):
        raise NotAnExcerpt("the list holds no moments", hint)
    return [as_excerpt(one) for one in read]


def distinct(moments: Iterable[Any]) -> list[Excerpt]:
    """Each part once, in the order given."""
    return list(dict.fromkeys(as_excerpt(moment) for moment in moments))
