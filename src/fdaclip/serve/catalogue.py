"""The files of a library by id, as its tables stand; made anew when they change."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property

from fdaclip.library.names import from_key, is_mounted
from fdaclip.library.rows import Video

from .ids import video_id


@dataclass(frozen=True)
class Catalogue:
    """Every file that is known, in order of path.

    Attributes:
        state: of the tables that it was read from.
        videos: their rows.
    """

    state: str | None
    videos: list[Video] = field(default_factory=list)

    @cached_property
    def by_id(self) -> dict[str, Video]:
        return {video_id(video.path): video for video in self.videos}

    @cached_property
    def by_path(self) -> dict[str, Video]:
        return {video.path: video for video in self.videos}

    @cached_property
    def moments(self) -> int:
        """How many can be found."""
        present = (video for video in self.videos if video.present)
        return sum({video.take: video.moments for video in present if video.take}.values())

    @cached_property
    def has_texts(self) -> bool:
        """Are there captions or subtitles of any file?"""
        return any(video.words for video in self.videos)


class Mounts:
    """Which disks are there; each is looked at once."""

    def __init__(self) -> None:
        self._mounted: dict[str, bool] = {}

    def offline(self, video: Video) -> bool:
        """Is its disk not there?"""
        if video.mount not in self._mounted:
            self._mounted[video.mount] = is_mounted(video.mount)
        return video.present and not self._mounted[video.mount]


def shown(path: str) -> str:
    """A path as text: bytes that are not UTF-8 as ``\\xNN``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def shown_key(key: str) -> str:
    """The same of a path's key."""
    return shown(from_key(key))
