"""An order to index, and the process that carries it out.

The order is a line of JSON on stdin. The answers are lines of JSON on stdout, each a `Said`: how
far it is, at most five a second, and last what was done or what was wrong. When stdin is closed, by
the server or by its end, however that comes about, it writes what is finished and ends.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import TextIO, TypedDict

from fdaclip.library import AddReport, Interrupted, Library, LibraryError, Progress
from fdaclip.logs import LEVELS, listen
from fdaclip.model.errors import ModelError

from . import told, wire
from .catalogue import shown

EVERY = 0.2  # s between two words of progress
GRACE = 25.0  # s to write what is finished
LOWER = 10  # of its priority: those who search meanwhile come first


class Order(TypedDict):
    """What is to be indexed; paths as Python's ``os`` gives them.

    Attributes:
        library: its folder or address.
        paths: files and folders; none, with ``retry``, are all files that are bad or partial.
        retry: try bad and partial files again.
    """

    library: str
    paths: list[str]
    retry: bool


class Said(wire.Wire):
    """One answer: one of the three.

    Attributes:
        interrupted: there is more to do than the report says was done.
    """

    progress: wire.JobProgress | None = None
    report: wire.JobReport | None = None
    error: wire.Told | None = None
    interrupted: bool = False


def main() -> None:
    """One order, from stdin to stdout."""
    teller = Teller(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)  # what a package prints is no answer
    order: Order = json.loads(sys.stdin.buffer.readline())
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
    with suppress(OSError):
        os.nice(LOWER)
    level = os.environ.get("FDACLIP_LOG", "")
    if level in LEVELS:
        listen(level)
    try:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
        said = carried_out(order, teller)
    except KeyboardInterrupt:  # the server ended in this instant, and nothing was begun
        said = Said(report=told.report(AddReport(interrupted=True)), interrupted=True)
    teller.say(said)
    os._exit(0)  # all is written, and what packages do on leaving takes seconds


def carried_out(order: Order, teller: Teller) -> Said:
    """Do it; gives the last answer."""
    try:
        library = opened(order["library"])
        paths = order["paths"] or library.status().failed
        report = library.add(paths, retry=order["retry"], progress=teller.progress)
    except Interrupted as interrupted:
        report = interrupted.report
    except KeyboardInterrupt:  # before anything was begun
        report = AddReport(interrupted=True)
    except (LibraryError, ModelError) as error:
        hint = getattr(error, "hint", "")
        return Said(error=wire.Told(code="failed", message=shown(str(error)), hint=shown(hint)))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it comes too late
    teller.rest()
    return Said(report=told.report(report), interrupted=report.interrupted)


def opened(place: str) -> Library:
    """The library, with the model that it remembers."""
    return Library(place)


class Teller:
    """Writes answers; there may be nobody any more to read them."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._when = 0.0
        self._held: Progress | None = None

    def progress(self, now: Progress) -> None:
        """Tell how far it is, unless that was told this instant."""
        self._held = now
        if time.monotonic() - self._when >= EVERY:
            self.rest()

    def rest(self) -> None:
        """Tell what was held back."""
        if self._held is not None:
            self.say(Said(progress=told.progress(self._held)))
            self._held, self._when = None, time.monotonic()

    def say(self, said: Said) -> None:
        """A line."""
        with suppress(OSError):
            self._stream.write(said.model_dump_json() + "\n")
            self._stream.flush()


def _end_with_stdin() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE)
    os._exit(1)
