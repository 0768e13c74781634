"""Which moments count in a search: by file, by date, by what moves.

Shapes: F files, M moments.
"""

# Paths are strings here: os loses none of their bytes.
# ruff: noqa: PTH100, PTH111

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import translate
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .errors import LibraryError
from .findable import File, column
from .names import from_key
from .rows import Moments

MOVES = 0.5  # a moment moves if at least so many of its frames do


class BadFilter(LibraryError):
    """A filter that cannot be meant."""


@dataclass(frozen=True)
class Filters:
    """What a moment, and one of its files, must be; by default anything.

    Attributes:
        paths: patterns, any of which must match. One without a slash is about the file's name, one
            with a slash about its whole path; ``*`` stands for anything, slashes too.
        folders: any of which it must lie in, at whatever depth.
        since, until: Unix time, s: filmed at or after the one and before the other. A file that
            does not say when it was filmed counts by its last change.
        longer, shorter: s, least and most length of the whole video.
        resolution: px, least length of the picture's short side.
        audio: with sound (True) or without (False).
        motion: "moving" if at least half of the moment's frames have motion, else "still".
        share: least and most share of the picture that moves, 0 to 1.
    """

    paths: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    since: float = -math.inf
    until: float = math.inf
    longer: float = 0.0
    shorter: float = math.inf
    resolution: int = 0
    audio: bool | None = None
    motion: Literal["moving", "still"] | None = None
    share: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        if not self.since < self.until:
            raise BadFilter("the time ends before it begins", "give --since before --until")
        if not self.longer <= self.shorter:
            raise BadFilter(
                f"no video is longer than {self.longer:g} s and shorter than {self.shorter:g} s",
                "the least length comes before the most",
            )
        if not 0 <= self.share[0] <= self.share[1] <= 1:
            raise BadFilter(
                f"no share of the picture lies between {self.share[0]:g} and {self.share[1]:g}",
                "give two numbers from 0 to 1, the least before the most",
            )
        if self.motion not in (None, "moving", "still"):
            raise BadFilter(f"motion is moving or still, not {self.motion!r}")

    @property
    def by_file(self) -> bool:
        """Do they ask anything of the file?"""
        plain = Filters(motion=self.motion, share=self.share)
        return self != plain

    @property
    def by_moment(self) -> bool:
        """Do they ask anything of the moment?"""
        return self.motion is not None or self.share != (0.0, 1.0)

    def files(self, files: Sequence[File]) -> NDArray[np.bool_]:
        """Which files may be shown, [F]."""
        allowed = np.ones(len(files), bool)
        if self.since > -math.inf or self.until < math.inf:
            when = column(files, "when").astype(float)
            allowed &= (self.since <= when) & (when < self.until)
        if self.longer > 0 or self.shorter < math.inf:
            duration = column(files, "duration").astype(float)
            allowed &= (self.longer <= duration) & (duration <= self.shorter)
        if self.resolution:
            sides = np.minimum(column(files, "width"), column(files, "height"))
            allowed &= sides >= self.resolution
        if self.audio is not None:
            allowed &= column(files, "audio") == self.audio
        if self.paths or self.folders:
            matching = self._named([from_key(file.path) for file in files])
            allowed &= np.fromiter(matching, bool, len(files))
        return allowed

    def _named(self, paths: Sequence[str]) -> list[bool]:
        found = [True] * len(paths)
        if self.paths:
            whole = [re.compile(translate(_absolute(p))).match for p in self.paths if os.sep in p]
            names = [re.compile(translate(p)).match for p in self.paths if os.sep not in p]
            found = [
                any(match(path) for match in whole)
                or any(match(path.rpartition(os.sep)[2]) for match in names)
                for path in paths
            ]
        if self.folders:
            below = tuple(_absolute(folder).rstrip(os.sep) + os.sep for folder in self.folders)
            found = [one and path.startswith(below) for one, path in zip(found, paths, strict=True)]
        return found

    def moments(self, moments: Moments) -> NDArray[np.bool_]:
        """Which moments may be shown for what moves in them, [M]."""
        allowed = np.ones(len(moments), bool)
        if self.motion is not None:
            allowed &= (moments.moving >= MOVES) == (self.motion == "moving")
        if self.share != (0.0, 1.0):
            least, most = np.float32(self.share[0]), np.float32(self.share[1])
            allowed &= (least <= moments.share) & (moments.share <= most)
        return allowed


def _absolute(path: str) -> str:
    """From the working folder; a pattern that begins with a star is meant anywhere."""
    path = os.path.expanduser(path)
    return path if path.startswith("*") else os.path.abspath(path)


def span_of(text: str) -> tuple[float, float]:
    """From when to when a date goes, Unix time, s, in local time.

    ``2024``, ``2024-05``, ``2024-05-01``, ``2024-05-01T18`` or ``2024-05-01T18:30``.

    Raises:
        BadFilter: it is no date.
    """
    hint = "write 2024, 2024-05, 2024-05-01 or 2024-05-01T18:30"
    found = re.fullmatch(r"(\d{4})(?:-(\d\d?)(?:-(\d\d?)(?:[T ](\d\d?)(?::(\d\d))?)?)?)?", text)
    if found is None:
        raise BadFilter(f"{text!r} is no date", hint)
    given = [int(part) for part in found.groups() if part is not None]
    try:
        start = datetime(*(given + [1, 1, 0, 0][len(given) - 1 :])[:5])  # type: ignore[arg-type]
        if len(given) == 1:
            end = start.replace(year=start.year + 1)
        elif len(given) == 2:
            end = (start + timedelta(days=31)).replace(day=1)
        else:
            end = (
                start
                + (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1))[len(given) - 3]
            )
        return start.timestamp(), end.timestamp()
    except (ValueError, OverflowError, OSError):
        raise BadFilter(f"{text!r} is no date", hint) from None
