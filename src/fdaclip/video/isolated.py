"""Work on files in processes of their own, so that no file can hang or crash the program.

A decoder that loops inside the library, or is killed by the system, cannot be stopped from within.
Here each file is worked on in one of a few worker processes; a worker that makes no progress within
the time limit is killed, one that dies is noticed, and either is replaced while the others go on.
What a worker asks for beyond the memory limit it does not get (on Linux; elsewhere the limit is
the machine's): its file then fails, and the worker goes on with the next.

The workers are spawned, so the program's entry must be guarded by `if __name__ == "__main__":`, and
`work` must be a function of a module or a `functools.partial` of one.
"""

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Generic, TypeVar

from fdaclip.video.errors import DecoderCrashed, Stalled, TooLarge, VideoError

R = TypeVar("R")
MEMORY_LIMIT = 4 << 30  # bytes a worker may take for a file
# how OpenCV, Python and a thread of FFmpeg's tell that there is none
NO_MEMORY = ("Insufficient memory", "can't start new thread", "Resource temporarily unavailable")


@dataclass(frozen=True)
class Result(Generic[R]):
    """One value that `work` gave for a file."""

    path: Path
    value: R


@dataclass(frozen=True)
class Finished:
    """No more will come of a file; `error` says why if that is not as it should be."""

    path: Path
    error: VideoError | None = None


def work_isolated(
    work: Callable[[Path], Iterable[R]],
    paths: Iterable[str | os.PathLike[str]],
    *,
    workers: int | None = None,
    time_limit: float = 60.0,
    memory_limit: int | None = MEMORY_LIMIT,
) -> Generator[Result[R] | Finished, None, None]:
    """Call `work(path)` for every path in worker processes, and pass on what it gives as it comes.

    Each path ends with exactly one `Finished`, after all of its `Result`s; the order among paths is
    not fixed. A worker waits when its values are not taken, so little is held in memory. Paths are
    drawn only as workers become free. Leaving the iterator early, or its being garbage collected,
    ends the workers; so does the end of this process, however it comes about.

    Args:
        work: gives the values of one file; it and its values must be picklable. What it raises
            becomes the `Finished.error` of that file: a `VideoError` as it is, anything else as
            `DecoderCrashed`.
        workers: processes; as many as processors if None.
        time_limit: seconds that a worker may take until its next value, or until it is done.
        memory_limit: bytes that a worker may take beyond what it holds when it has started; a file
            that needs more ends with `TooLarge`, or with another error where a library hides that
            or does not survive it. Frames of 7680×4320 need up to 1 GiB in H.264 and between 2 and
            4 GiB in HEVC of 10 bits. None: no limit.

    Raises:
        RuntimeError: a worker process cannot start at all.
    """
    if workers is None:
        workers = os.cpu_count() or 1
    if workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers}")
    if not time_limit > 0:
        raise ValueError(f"time_limit must be above 0 seconds, not {time_limit}")
    if memory_limit is not None and memory_limit < 1:
        raise ValueError(f"memory_limit must be at least 1 byte, not {memory_limit}")
    return _events(work, iter(paths), workers, time_limit, memory_limit)


def _events(
    work: Callable[[Path], Iterable[R]],
    paths: Iterator[str | os.PathLike[str]],
    count: int,
    time_limit: float,
    memory_limit: int | None,
) -> Generator[Result[R] | Finished, None, None]:
    pool: list[_Worker] = []
    try:
        exhausted = False
        while True:
            while (not exhausted and len(pool) < count) or any(w.path is None for w in pool):
                path = next(paths, None)
                if path is None:
                    exhausted = True
                    for idle in [w for w in pool if w.path is None]:
                        pool.remove(idle)
                        idle.end()
                    break
                free = next((w for w in pool if w.path is None), None)
                if free is None:
                    free = _Worker(work, time_limit, memory_limit)
                    pool.append(free)
                free.give(Path(path))
            if not pool:
                return
            patience = max(0.0, min(w.deadline for w in pool) - time.monotonic())
            ready = wait([w.connection for w in pool], patience)
            for worker in list(pool):
                event: Result[R] | Finished | None = None
                if worker.connection in ready:
                    event = worker.take()
                elif time.monotonic() >= worker.deadline:
                    event = worker.stalled()
                if not worker.alive:
                    pool.remove(worker)
                if event is not None:
                    left = time.monotonic()
                    yield event
                    away = time.monotonic() - left
                    for other in pool:  # the time that our caller took is nobody's fault
                        other.deadline += away
    finally:
        for worker in pool:
            worker.end()


class _Worker:
    """A process, the path it works on, and when it is given up."""

    def __init__(
        self, work: Callable[[Path], Iterable[Any]], time_limit: float, memory_limit: int | None
    ) -> None:
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        arguments = theirs, work, memory_limit
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        with _interrupts_held():
            self._process.start()
        theirs.close()
        self._time_limit = time_limit
        self._started = False
        self.alive = True
        self.path: Path | None = None
        self.deadline = time.monotonic() + max(time_limit, 120.0)  # imports may be slow

    def give(self, path: Path) -> None:
        self.path = path
        if self._started:
            self.deadline = time.monotonic() + self._time_limit
        with suppress(OSError):  # it died idle: taking from it tells
            self.connection.send(path)

    def take(self) -> "Result[Any] | Finished | None":
        """What the worker has to say."""
        path = self.path
        assert path is not None
        try:
            kind, value = self.connection.recv()
        except (EOFError, OSError):
            self.end()
            if not self._started:
                raise RuntimeError(
                    f"a worker process could not start (exit code {self._process.exitcode}); "
                    'the program\'s entry must be guarded by `if __name__ == "__main__":`'
                ) from None
            return Finished(path, DecoderCrashed(path, self._death()))
        self.deadline = time.monotonic() + self._time_limit
        if kind == "started":
            self._started = True
            return None
        if kind == "value":
            return Result(path, value)
        self.path = None
        return Finished(path, value)

    def stalled(self) -> Finished:
        assert self.path is not None
        if not self._started:
            self.end()
            raise RuntimeError("a worker process did not start in time")
        self.end()
        return Finished(
            self.path, Stalled(self.path, f"made no progress in {self._time_limit:g} s")
        )

    def end(self) -> None:
        self.alive = False
        self.connection.close()
        if self._process.exitcode is None:
            self._process.join(0.2)  # it may be dying, and the exit code tells of what
        if self._process.exitcode is None:
            self._process.kill()
        self._process.join()

    def _death(self) -> str:
        code = self._process.exitcode or 0
        if code < 0:
            with suppress(ValueError):
                return f"its decoder was killed by {signal.Signals(-code).name}"
        return f"its decoder ended with exit code {code}"


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Keep Ctrl-C from a process that is started meanwhile, until `_serve` lets it in.

    A process inherits what its parent's thread blocks, so even its imports are not interrupted.
    An interrupt of this process is not lost: it comes at the end.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # started with the process, it would unblock SIGINT again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(
    connection: Connection, work: Callable[[Path], Iterable[Any]], memory_limit: int | None
) -> None:
    """The life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told too, and ends us
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_follow_parent, daemon=True).start()

    def tell(kind: str, value: Any) -> None:
        try:
            connection.send((kind, value))
        except (BrokenPipeError, ConnectionResetError):
            sys.exit()  # the parent has left; unlike an error of the work, it concerns no file

    if memory_limit is not None:
        _limit_memory(memory_limit)
    tell("started", None)
    gc.collect()
    gc.freeze()  # what was imported stays: looking it through after each file would take long
    while True:
        try:
            path = connection.recv()
        except (EOFError, ConnectionResetError):  # reset: it left with something unread
            return
        try:
            for value in work(path):
                tell("value", value)
        except Exception as error:
            tell("finished", _as_video_error(path, error, memory_limit))
        else:
            tell("finished", None)
        gc.collect()  # decoders hold what Python does not see the size of, some of them in cycles


def _as_video_error(path: Path, error: Exception, memory_limit: int | None) -> VideoError:
    text = " ".join(f"{type(error).__name__}: {error}".split())
    if isinstance(error, MemoryError | TooLarge) or any(sign in text for sign in NO_MEMORY):
        limit = "there is" if memory_limit is None else f"{memory_limit / (1 << 30):.3g} GiB"
        return TooLarge(path, f"needs more memory than {limit}")
    return error if isinstance(error, VideoError) else DecoderCrashed(path, f"failed with {text}")


def _limit_memory(allowed: int) -> None:
    """Let this process take so many bytes more; what it asks for beyond that it does not get.

    The limit is of private writable memory: neither what files are mapped, nor what addresses are
    merely reserved (threads' arenas) counts.
    """
    if sys.platform != "linux":
        return
    import resource

    status = Path("/proc/self/status").read_text()
    held = next(int(x.split()[1]) << 10 for x in status.splitlines() if x.startswith("VmData:"))
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = held + allowed
    limit = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, most))


def _follow_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
