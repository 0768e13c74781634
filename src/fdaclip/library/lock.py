"""One writer at a time; readers need no lock."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import LibraryBusy, told_clearly

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
def writing(folder: Path) -> Iterator[None]:
    """Hold the library's write lock; the system frees it when the process ends, however it ends.

    Raises:
        LibraryBusy: another process holds it; the message says which.
        CannotWrite: the folder cannot be written to.
    """
    with told_clearly(folder):
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            _try_lock(descriptor)
        except OSError:
            holder = os.pread(descriptor, 200, 0) if sys.platform != "win32" else b""
            name = holder.decode("utf-8", "replace").strip() or "another process"
            raise LibraryBusy(
                f"the library {folder} is being written by {name}",
                "wait for it to finish; searching works meanwhile",
            ) from None
        with told_clearly(folder):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        yield
    finally:
        os.close(descriptor)
