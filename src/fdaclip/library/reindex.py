"""A library is indexed anew, with another model or other settings, beside itself; then swapped.

Of ``NAME.fdaclip`` the new one grows in ``NAME.fdaclip.new`` while the old one is searched and
added to as ever. It holds a file, ``reindex.json``, that says so. When every file of the old one is
in it, the two folders exchange their names in one step of the system, and the old one, under
``.new`` now, is given its last name, ``NAME.fdaclip.old-DATE``. That the file lies in a folder of
the library's own name says that this last step is left. Killed at any instant, one of the two is
there under the library's name, whole, and the next run does what is left.

Where the system knows no exchange, the old one gets its last name first and the new one the
library's name right after; killed between the two, whoever opens the library does the second.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fdaclip.logs import Log

from .errors import FingerprintMismatch, LibraryError, told_clearly
from .lock import writing
from .names import from_key, whereabouts
from .report import AddReport, Progress
from .stamp import FILE

if TYPE_CHECKING:
    from fdaclip.model import Encoder

    from .library import Library
    from .rows import Video

log = Log(__name__)
MARK = "reindex.json"


@dataclass(frozen=True)
class Reindexed:
    """What became of a library that was indexed anew.

    Attributes:
        report: of the indexing.
        old: the folder in which the old library lies now; it may be deleted.
        left_out: files of the old one that are not in the new one, since they were missing, or
            offline and could be left out.
    """

    report: AddReport
    old: str
    left_out: int


def new_folder(folder: Path) -> Path:
    """Where the new library grows."""
    return folder.with_name(folder.name + ".new")


def reindex(
    folder: Path,
    encoder: Encoder,
    *,
    model: str,
    window: float | None,
    shots: bool | None,
    leave_offline: bool,
    processes: int | None,
    progress: Callable[[Progress], None] | None,
) -> Reindexed:
    """See `Library.reindex`."""
    from .library import Library

    new = new_folder(folder)
    finish(folder)
    old = Library(folder)
    _refuse_offline(old, leave_offline)
    with told_clearly(new):
        new.mkdir(exist_ok=True)
        if not (new / MARK).exists():
            if any(new.iterdir()):
                raise LibraryError(
                    f"{new} is there already, and is no library that is being indexed anew",
                    "move or delete that folder; nothing was changed",
                )
            _mark(new, folder, complete=False)
    log.info("reindexing", folder=folder, new=new, model=model)
    try:
        grown = Library(
            new,
            encoder,
            model=model,
            window=window or old.stamp.window,
            shots=old.stamp.shots if shots is None else shots,
        )
    except FingerprintMismatch as error:
        raise LibraryError(
            f"it is being indexed anew with other settings already, in {new}",
            "run it with those settings again, or delete that folder to begin anew",
        ) from error
    report = grown.add(_paths(old), processes=processes, progress=progress)
    with writing(folder, "swapping for the library that was indexed anew"):
        _refuse_offline(old, leave_offline)
        late = grown.add(_paths(old), processes=processes)  # what came to the old one meanwhile
        report.encoded += late.encoded
        report.moments += late.moments
        known = {video.path for video in grown._open().videos()}
        left_out = sum(video.path not in known for video in old._open().videos())
        with told_clearly(folder):
            _mark(new, folder, complete=True)
            swap(new, folder)
    kept = finish(folder)
    assert kept is not None
    log.info("reindexed", folder=folder, old=kept, left_out=left_out)
    return Reindexed(report, str(kept), left_out)


def swap(new: Path, folder: Path) -> None:
    """Exchange the names of two folders in one step, or in two where the system has no such."""
    if not _exchange(new, folder):
        folder.rename(_last_name(folder))
        new.rename(folder)


def finish(folder: Path) -> Path | None:
    """Do what is left of a swap that was killed.

    Returns:
        The folder of the old library; None if nothing was left to do.
    """
    new = new_folder(folder)
    swapped = folder.name, True
    if not folder.exists() and _marked(new) == swapped:  # the old one has its last name already
        with told_clearly(folder):
            new.rename(folder)
    if _marked(folder) != swapped:
        return None
    with told_clearly(folder):
        if (new / FILE).exists():
            kept = _last_name(folder)
            new.rename(kept)
        else:
            kept = max(folder.parent.glob(folder.name + ".old-*"), default=new)
        with suppress(FileNotFoundError):
            (folder / MARK).unlink()
    return kept


def _mark(new: Path, folder: Path, complete: bool) -> None:
    unfinished = new / (MARK + ".new")
    unfinished.write_text(json.dumps({"for": folder.name, "complete": complete}))
    unfinished.replace(new / MARK)


def _marked(folder: Path) -> tuple[str, bool]:
    """The name that the library in the folder is to have, and is it complete?"""
    try:
        said = json.loads((folder / MARK).read_text())
        return str(said["for"]), bool(said["complete"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", False


def _paths(old: Library) -> list[str]:
    """The files of the library that are there."""
    videos: list[Video] = old._open().videos()
    places = [(from_key(video.path), video.mount) for video in videos]
    return [path for path, mount in places if whereabouts(path, mount) == "here"]


def _refuse_offline(old: Library, leave: bool) -> None:
    if leave:
        return
    videos: list[Video] = old._open().videos()
    away = [v for v in videos if v.present and whereabouts(from_key(v.path), v.mount) == "offline"]
    if away:
        mounts = ", ".join(sorted({from_key(video.mount) for video in away}))
        raise LibraryError(
            f"{len(away)} of its files are on disks that are not mounted ({mounts})",
            "mount them and run it again; or --leave-offline: the new library is then without them",
        )


def _last_name(folder: Path) -> Path:
    name = f"{folder.name}.old-{time.strftime('%Y-%m-%d')}"
    kept, number = folder.with_name(name), 1
    while kept.exists():
        number += 1
        kept = folder.with_name(f"{name}-{number}")
    return kept


def _exchange(one: Path, other: Path) -> bool:
    """In one step; False if this system or this file system cannot."""
    names = os.fsencode(one), os.fsencode(other)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            return int(libc.renamex_np(*names, 2)) == 0  # RENAME_SWAP
        if sys.platform == "linux":
            here = -100  # AT_FDCWD
            return int(libc.renameat2(here, names[0], here, names[1], 2)) == 0  # RENAME_EXCHANGE
    except (AttributeError, OSError):
        pass
    return False
