"""Moved folders: the rows of their files get new paths, and nothing is encoded again."""

# Paths are strings here: os loses none of their bytes.
# ruff: noqa: PTH100, PTH111, PTH120

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from fdaclip.logs import Log

from .errors import LibraryError, NoSuchPath
from .names import from_key, mount_of, to_key, whereabouts
from .rows import Video
from .store import Store

log = Log(__name__)


@dataclass(frozen=True)
class Remapped:
    """What became of the files below a folder that was moved.

    Attributes:
        old, new: the folders, or files, as absolute paths.
        files: known below the old one; each has its path below the new one now.
        found: of those, the ones that are there. offline: those whose disk is not mounted. The
            rest is marked missing.
        done: False if it was only tried.
    """

    old: str
    new: str
    files: int
    found: int
    offline: int
    done: bool

    @property
    def missing(self) -> int:
        return self.files - self.found - self.offline


def remap(store: Store, old: str, new: str, *, dry_run: bool = False) -> Remapped:
    """Give all that is known below ``old`` its path below ``new``, in one commit.

    Only whole names count: ``/a/b`` is not the beginning of ``/a/bc``. What a file holds is not
    looked at; the next ``add`` does where size or time differ.

    Raises:
        NoSuchPath: the library knows nothing below ``old``.
        LibraryError: it would put two files under one path, or the files are where they were and
            none is below ``new``. Nothing was changed.
    """
    old, new = (os.path.abspath(os.path.expanduser(path)) for path in (old, new))
    before, after = to_key(old), to_key(new)
    videos = store.videos()
    moved = [video for video in videos if _is_below(video.path, before)]
    if not moved:
        raise NoSuchPath(
            f"the library knows no {old!r}", "fdaclip status lists what it holds; nothing was done"
        )
    if before == after:
        raise LibraryError(f"{old!r} is what it is called already", "name where it is now")
    rows = [
        _moved(video, after.rstrip(os.sep) + video.path[len(before.rstrip(os.sep)) :])
        for video in moved
    ]
    others = {video.path for video in videos} - {video.path for video in moved}
    taken = [row.path for row in rows if row.path in others]
    if taken:
        raise LibraryError(
            f"{_files(len(taken))} would get a path that the library knows already, "
            f"such as {from_key(taken[0])!r}",
            "fdaclip remove PATH forgets those that are to be replaced; nothing was changed",
        )
    places = [whereabouts(from_key(row.path), row.mount) for row in rows]
    found, offline = places.count("here"), places.count("offline")
    if not found and any(whereabouts(from_key(video.path), "") == "here" for video in moved):
        raise LibraryError(
            f"the files are still in {old!r}, and none of them is in {new!r}",
            "move them first, or mend the path; nothing was changed",
        )
    result = Remapped(old, new, len(rows), found, offline, done=not dry_run)
    if not dry_run:
        present = [
            replace(row, present=place == "here" or (row.present and place == "offline"))
            for row, place in zip(rows, places, strict=True)
        ]
        store.rename(before, present)
        log.info("remapped", old=old, new=new, files=len(rows), found=found, offline=offline)
    return result


def _moved(video: Video, path: str) -> Video:
    place = from_key(path)
    while not os.path.lexists(place) and place != os.path.dirname(place):
        place = os.path.dirname(place)
    return replace(video, path=path, mount=mount_of(place))


def _is_below(key: str, folder: str) -> bool:
    return key == folder or key.startswith(folder.rstrip(os.sep) + os.sep)


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
