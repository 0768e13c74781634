"""One writer at a time in object storage, where no system frees a dead process's lock.

The lock is a chain of small files ``lock/00000001``, ``lock/00000002``, …: the last one counts. It
says who holds it, or that it is free. Whoever finds it free makes the next one, which the storage
lets only one of several do (a conditional put, ``If-None-Match: *``). The holder writes its file
again every BEAT seconds; one that was not written for LEASE seconds is as good as free. Time is
that of the storage alone: a probe is written to learn it, so no machine's clock matters. Numbers
only grow, so whoever was too slow finds its number taken. A holder that was away for longer than
its lease (a laptop asleep) sees before its next write that it lost the lock, and ends.

That check and the write after it are two steps. What keeps a library whole even then is what keeps
it whole after a kill: each table commits atomically on its own, and a take counts only once a row
of ``videos`` names it.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from fdaclip.logs import Log

from .errors import LibraryBusy, LibraryError
from .lock import myself
from .remote import Remote

log = Log(__name__)
FOLDER = "lock"
LEASE = 90.0  # s without a sign of life after which a lock may be taken over
BEAT = 15.0  # s between two signs of life


class Lease:
    """The lock, held by this process until it is released or lost."""

    def __init__(self, place: Remote, number: int, token: str, holder: str) -> None:
        self._place, self._name = place, f"{FOLDER}/{number:08d}"
        self._number, self._token, self._holder = number, token, holder
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises LibraryBusy if another process has taken the lock over."""
        if not self._ours():
            raise LibraryBusy(
                f"the library {self._place} was taken over by another process: this one had been "
                f"silent for more than {LEASE:g} s",
                "run the same command again; what was written before is kept",
            )

    def release(self) -> None:
        """Let others have it."""
        self._ended.set()
        self._thread.join()
        with suppress(LibraryError):  # it will expire
            if self._ours():
                self._place.write(self._name, json.dumps({"free": True}).encode())
                for name in self._place.names(FOLDER):
                    if name.isdecimal() and int(name) < self._number:
                        self._place.discard(f"{FOLDER}/{name}")

    def _ours(self) -> bool:
        number, told = _last(self._place)
        return number == self._number and told.get("token") == self._token

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            with suppress(Exception):  # told by `check`, if it lasts
                if self._ours():
                    self._place.write(self._name, _said(self._token, self._holder))


@contextmanager
def writing_remote(place: Remote, doing: str) -> Iterator[None]:
    """Hold the write lock of a library in object storage.

    Raises:
        LibraryBusy: another process holds it. Unreachable: the storage cannot be reached.
    """
    token, holder = secrets.token_hex(16), myself(doing)
    number, told = _last(place)
    if told and not told.get("free"):
        silent = _silent(place, f"{FOLDER}/{number:08d}")
        if silent < LEASE:
            log.info("busy", folder=place, holder=told.get("holder"))
            raise _busy(place, told)
        log.info("takes over", folder=place, holder=told.get("holder"), silent=silent)
    if not place.create(f"{FOLDER}/{number + 1:08d}", _said(token, holder)):
        raise _busy(place, _last(place)[1])
    place.lease = lease = Lease(place, number + 1, token, holder)
    try:
        yield
    finally:
        place.lease = None
        lease.release()


def _said(token: str, holder: str) -> bytes:
    return json.dumps({"holder": holder, "token": token}).encode()


def _last(place: Remote) -> tuple[int, dict[str, Any]]:
    """The number of the last file of the chain, 0 for none, and what it says."""
    numbers = [int(name) for name in place.names(FOLDER) if name.isdecimal()]
    if not numbers:
        return 0, {}
    said = place.read(f"{FOLDER}/{max(numbers):08d}")
    try:
        told = json.loads(said or b"{}")
    except ValueError:
        told = {}
    return max(numbers), told if isinstance(told, dict) else {}


def _silent(place: Remote, name: str) -> float:
    """Seconds since a file was written, by the storage's clock."""
    probe = f"{FOLDER}/probe-{secrets.token_hex(8)}"
    place.write(probe, b"")
    try:
        now, then = place.written(probe), place.written(name)
    finally:
        place.discard(probe)
    return 0.0 if now is None or then is None else now - then


def _busy(place: Remote, told: dict[str, Any]) -> LibraryBusy:
    return LibraryBusy(
        f"the library {place} is being written by {told.get('holder') or 'another process'}",
        f"wait for it to finish; searching works meanwhile. A process that died holds it for "
        f"{LEASE:g} s more",
    )
