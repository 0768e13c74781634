"""Indexing that a server's clients ask for: one job at a time, each a process of its own.

A thread a job reads what its process says. What is known of a job is one value that is replaced as
a whole, so whoever follows it looks when it likes, and none waits for another.
"""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from fdaclip.library.place import Place
from fdaclip.logs import Log

from . import wire
from .catalogue import shown
from .guard import Refused
from .order import GRACE, Order, Said

log = Log(__name__)
COMMAND = [sys.executable, "-m", "fdaclip.serve.indexer"]
KEPT = 50  # jobs that are remembered
PATIENCE = GRACE + 5  # s for a process that was asked to end; then it is killed
ENDS = ("done", "cancelled", "failed")


class Job:
    """One job, at work from the start.

    Args:
        ending: called with how it ends, before anybody is told.

    Attributes:
        told: what is known of it now.

    Raises:
        OSError: no process can be started.
    """

    def __init__(self, order: Order, ending: Callable[[str], None]) -> None:
        self.told = wire.Job(
            id=secrets.token_hex(8),
            state="running",
            paths=[shown(path) for path in order["paths"]],
            retry=order["retry"],
            began=time.time(),
            ended=None,
            progress=None,
            report=None,
            error=None,
        )
        self._ending = ending
        self._lock = threading.RLock()  # a signal's handler may ask for the end
        self._ordered = False
        self._process = subprocess.Popen(
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        self._killer = threading.Timer(PATIENCE, self._process.kill)
        self._killer.daemon = True
        self._thread = threading.Thread(target=self._follow, args=[order], daemon=True)
        self._thread.start()

    @property
    def over(self) -> bool:
        return self.told.state in ENDS

    def stop(self) -> None:
        """Ask it to write what is finished and end; does nothing if that was asked before."""
        with self._lock:
            if self.told.state != "running":
                return
            self._tell(state="stopping")
            self._killer.start()
            if self._ordered:
                self._close()

    def wait(self) -> None:
        """Until it is over; when it was asked to stop, that is soon."""
        self._thread.join()

    def _follow(self, order: Order) -> None:
        assert self._process.stdin and self._process.stdout
        with suppress(OSError):  # it died: there will be no answer
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        with self._lock:
            self._ordered = True
            if self.told.state == "stopping":
                self._close()
        last = self._last()
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._killer.cancel()
        self._end(last, code)

    def _last(self) -> Said:
        """The last answer; what comes before is noted."""
        assert self._process.stdout
        said = Said()
        for line in self._process.stdout:
            with suppress(ValueError):  # it was killed in the middle of a line
                said = Said.model_validate_json(line)
            if said.progress:
                with self._lock:
                    self._tell(progress=said.progress)
            if said.report or said.error:
                break
        return said

    def _end(self, last: Said, code: int) -> None:
        error = last.error
        if last.report is None and error is None and self.told.state == "running":
            error = _death(code)
        stopped = last.interrupted or last.report is None
        state = "failed" if error else "cancelled" if stopped else "done"
        log.info("job ended", job=self.told.id, state=state, code=code)
        self._ending(state)
        with self._lock:
            self._close()
            self._tell(state=state, ended=time.time(), report=last.report, error=error)

    def _close(self) -> None:
        assert self._process.stdin
        with suppress(OSError):
            self._process.stdin.close()

    def _tell(self, **news: Any) -> None:
        self.told = self.told.model_copy(update=news)


def _death(code: int) -> wire.Told:
    """Of a process that ended without a word."""
    how = f"ended with exit code {code}"
    if code < 0:
        with suppress(ValueError):
            how = f"was killed by {signal.Signals(-code).name}"
    return wire.Told(
        code="died",
        message=f"the process that indexed {how}",
        hint="what was written before is kept; index the same again for the rest",
    )


class Jobs:
    """Those of one server.

    Args:
        library: where it lies.
        ending: called when a job ends, with how: "done", "cancelled" or "failed".
    """

    def __init__(self, library: Place, ending: Callable[[str], None]) -> None:
        self._library, self._ending = library, ending
        self._jobs: dict[str, Job] = {}  # in the order that they began
        self._lock = threading.RLock()
        self._closing = False

    @property
    def running(self) -> Job | None:
        """The one at work."""
        return next((job for job in list(self._jobs.values()) if not job.over), None)

    def start(self, paths: Sequence[str], retry: bool = False) -> Job:
        """Index files and folders; no paths, with ``retry``, are all that are bad or partial.

        Raises:
            Refused: 409, another is at work; 503, the server is about to end, or cannot.
        """
        order = Order(library=str(self._library), paths=list(paths), retry=retry)
        with self._lock:
            if self._closing:
                raise Refused(503, "busy", "the server is about to end", "ask the next one")
            if self.running:
                raise Refused(
                    409,
                    "indexing",
                    "this server is indexing already",
                    "wait for that to finish, or stop it",
                )
            try:
                job = Job(order, self._ending)
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise Refused(503, "busy", f"no process can be started: {reason}") from error
            log.info("job", job=job.told.id, paths=len(paths), retry=retry)
            self._jobs[job.told.id] = job
            for known in list(self._jobs)[:-KEPT]:
                del self._jobs[known]
        return job

    def get(self, job: str) -> Job:
        """The one with this id.

        Raises:
            Refused: 404, there is none (any more).
        """
        found = self._jobs.get(job)
        if found is None:
            raise Refused(404, "no_such_job", "this server knows no such job")
        return found

    def told(self) -> wire.Jobs:
        """All of them."""
        running = self.running
        return wire.Jobs(
            jobs=[job.told for job in reversed(list(self._jobs.values()))],
            running=running.told.id if running else None,
        )

    def close(self) -> None:
        """Begin nothing new, and ask the one at work to end."""
        self._closing = True
        if running := self.running:
            running.stop()

    def end(self) -> None:
        """Wait until it has."""
        self.close()
        if running := self.running:
            running.wait()
