"""One writer at a time; readers need no lock."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fdaclip.logs import Log

from .errors import LibraryBusy, told_clearly
from .place import Place, Remote

log = Log(__name__)
LONGEST = 300  # bytes of what a holder says of itself

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)  # beyond the holder's name, which others read
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def writing(folder: Place, doing: str = "writing") -> Iterator[None]:
    """Hold the library's write lock; the system frees it when the process ends, however it ends.

    In object storage it is a lease instead: see `remote_lock`.

    Args:
        doing: what for, told to others who want it: "indexing".

    Raises:
        LibraryBusy: another process holds it; the message says which, since when, and what for.
        CannotWrite: the folder cannot be written to.
    """
    if isinstance(folder, Remote):
        from .remote_lock import writing_remote

        with writing_remote(folder, doing):
            yield
        return
    with told_clearly(folder):
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            _try_lock(descriptor)
            if os.name == "posix" and not _is(descriptor, folder / "lock"):
                raise OSError("the library was swapped for another this instant")
        except OSError:
            os.lseek(descriptor, 0, os.SEEK_SET)
            told = os.read(descriptor, LONGEST).decode("utf-8", "replace")
            holder = told.splitlines()[0] if told.strip() else "another process"
            log.info("busy", folder=folder, holder=holder)
            raise LibraryBusy(
                f"the library {folder} is being written by {holder}",
                "wait for it to finish; searching works meanwhile",
            ) from None
        with told_clearly(folder):
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, f"{myself(doing)}\n".encode())
        log.debug("locked", folder=folder, doing=doing)
        yield
    finally:
        os.close(descriptor)
        log.debug("unlocked", folder=folder, doing=doing)


def _is(descriptor: int, path: Path) -> bool:
    """Is this the file of that name still?"""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def myself(doing: str) -> str:
    """As ``process 4711 on attic since 2026-01-31 12:00:00 (indexing)``."""
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    return f"process {os.getpid()} on {socket.gethostname()} since {since} ({doing})"
