"""Which captions files lie beside which videos, told from one look at each folder."""

# Paths are strings here: os loses none of their bytes.
# ruff: noqa: PTH122

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from fdaclip.video.extensions import EXTENSIONS

from .captions import SUFFIXES
from .names import to_key

READ_AS = "1"  # what this version makes of texts; another one reads them again
INSIDE = " subtitles"  # the video has some itself
UNREAD = "0" + INSIDE  # they are yet to be read
MORE = 3  # parts of a name after the video's own: beach.en.forced.srt


@dataclass
class Beside:
    """The captions of the videos of one folder.

    Attributes:
        names: of captions files by the stem of the video they go with, in order.
        facts: ``NAME:SIZE:TIME`` of each.
    """

    names: dict[str, list[str]] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)


def beside(folder: str, stems: Iterable[str] = ()) -> Beside:
    """What lies in a folder; nothing if it cannot be looked into.

    A file goes with the video whose name, without its extension, it begins with, and of several
    with the longest: ``a.part.srt`` is ``a.part.mp4``'s if there is one, else ``a.mp4``'s.

    Args:
        stems: of videos in it whose names do not tell that they are.
    """
    found, captions, videos = Beside(), list[str](), set(stems)
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                stem, suffix = os.path.splitext(entry.name)
                if suffix.lower() in SUFFIXES:
                    try:
                        status = entry.stat()
                    except OSError:  # it went, or is a link to nothing
                        continue
                    key = f"{to_key(entry.name)}:{status.st_size}:{status.st_mtime_ns}"
                    found.facts[entry.name] = key
                    captions.append(entry.name)
                elif suffix.lower() in EXTENSIONS:
                    videos.add(stem)
    except OSError:
        return Beside()
    for name in sorted(captions):
        stem = os.path.splitext(name)[0]
        for _ in range(MORE + 1):
            if stem in videos:
                found.names.setdefault(stem, []).append(name)
                break
            stem, _, rest = stem.rpartition(".")
            if not rest or not stem:
                break
    return found


class Sidecars:
    """The captions files of many videos."""

    def __init__(self, paths: Iterable[str]) -> None:
        stems: dict[str, list[str]] = {}
        for path in paths:
            folder, name = os.path.split(path)
            stems.setdefault(folder, []).append(os.path.splitext(name)[0])
        self._folders = {folder: beside(folder, some) for folder, some in stems.items()}

    def of(self, path: str) -> list[str]:
        """The captions files of a video, in order of name."""
        folder, names = self._of(path)
        return [os.path.join(folder, name) for name in names]  # noqa: PTH118

    def state(self, path: str, *, subtitles: bool) -> str:
        """Equal as long as a video's texts need not be read again: ``rows.Video.sidecars``.

        Args:
            subtitles: has it some itself?
        """
        folder, names = self._of(path)
        facts = self._folders[folder].facts
        return "\n".join([READ_AS + INSIDE * subtitles, *(facts[name] for name in names)])

    def _of(self, path: str) -> tuple[str, list[str]]:
        folder, name = os.path.split(path)
        stem = os.path.splitext(name)[0]
        return folder, self._folders[folder].names.get(stem, [])
