"""The files that a search can find, with what it may be narrowed by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .rows import Video


class File(NamedTuple):
    """A file that is present and has moments; the facts are those of ``rows.Video``.

    Attributes:
        path: its key. take: of its moments.
        duration: s. width, height: px. audio: has it sound?
        captured: Unix time, s, at which it was filmed; 0 if it does not say.
        modified: Unix time, s, of its last change.
        mount: key of the mount point it lay on.
        words: of its captions and subtitles; 0 without any.
    """

    path: str
    take: int
    duration: float = 0.0
    width: int = 0
    height: int = 0
    audio: bool = False
    captured: float = 0.0
    modified: float = 0.0
    mount: str = ""
    words: int = 0

    @property
    def when(self) -> float:
        """Unix time, s: when it was filmed, or last changed where it does not say."""
        return self.captured or self.modified


NUMBERS = ("duration", "width", "height", "audio", "captured", "modified", "words")


def findable(videos: Iterable[Video]) -> list[File]:
    """Each file that is present and has moments, in order of path."""
    return sorted(
        File(
            video.path,
            video.take,
            video.duration,
            video.width,
            video.height,
            video.audio,
            video.captured,
            video.mtime_ns / 1e9,
            video.mount,
            video.words,
        )
        for video in videos
        if video.present and video.take
    )


def to_columns(files: Sequence[File]) -> dict[str, Any]:
    """As JSON holds them: short where many are alike."""
    mounts = sorted({file.mount for file in files})
    number = {mount: n for n, mount in enumerate(mounts)}
    columns: dict[str, Any] = {
        name: [getattr(file, name) for file in files] for name in ("path", "take", *NUMBERS)
    }
    columns["audio"] = [int(audio) for audio in columns["audio"]]
    return columns | {"mounts": mounts, "mount": [number[file.mount] for file in files]}


def from_columns(columns: dict[str, Any]) -> list[File]:
    """The files again.

    Raises:
        ValueError, KeyError, TypeError, IndexError: these are no such columns.
    """
    mounts = [str(mount) for mount in columns["mounts"]]
    rows = zip(
        map(str, columns["path"]),
        map(int, columns["take"]),
        map(float, columns["duration"]),
        map(int, columns["width"]),
        map(int, columns["height"]),
        map(bool, columns["audio"]),
        map(float, columns["captured"]),
        map(float, columns["modified"]),
        (mounts[number] for number in columns["mount"]),
        map(int, columns["words"]),
        strict=True,
    )
    return [File._make(row) for row in rows]


def column(files: Sequence[File], name: str) -> NDArray[Any]:
    """One fact of each file, [F]."""
    return np.array([getattr(file, name) for file in files])
