"""Contestants take turns, each in a process of its own, so that none disturbs another's threads."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Turn:
    """What a turn gave and took.

    Attributes:
        result: the call's.
        seconds: by the clock. processor: s of the process and of those it started and ended.
    """

    result: Any
    seconds: float
    processor: float


class Contestant:
    """An object that lives in a new process; its methods are called from here.

    Args:
        make: a class or function that the new process can import, and what it is called with.

    Raises:
        RuntimeError: it could not be made; the message is its own.
    """

    def __init__(self, make: Callable[..., Any], *given: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        # Not a daemon: it starts decoding processes of its own.
        self._process = context.Process(target=_live, args=(theirs, make, given))
        self._process.start()
        theirs.close()
        self._answer()

    def __call__(self, method: str, *given: Any) -> Turn:
        """Call a method there and wait for it."""
        self._pipe.send((method, given))
        turn: Turn = self._answer()
        return turn

    def close(self) -> float:
        """End the process; the most memory it held itself, MB."""
        self._pipe.send(None)
        peak: float = self._answer()
        self._process.join()
        return peak

    def _answer(self) -> Any:
        try:
            sound, answer = self._pipe.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(f"it ended with {self._process.exitcode}") from None
        if not sound:
            self._process.join()
            raise RuntimeError(answer)
        return answer


def _live(pipe: Any, make: Callable[..., Any], given: tuple[Any, ...]) -> None:
    try:
        contestant = make(*given)
        pipe.send((True, None))
        while (asked := pipe.recv()) is not None:
            method, arguments = asked
            began, used = time.perf_counter(), processor_time()
            result = getattr(contestant, method)(*arguments)
            seconds = time.perf_counter() - began
            pipe.send((True, Turn(result, seconds, processor_time() - used)))
        pipe.send((True, peak_mb()))
    except EOFError:  # whoever asked is gone
        return
    except BaseException as error:
        pipe.send((False, f"{type(error).__name__}: {error}"))


def processor_time() -> float:
    """Seconds that this process and its ended children have computed."""
    whose = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, whose))


def peak_mb() -> float:
    """The most memory that this process held, MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1e3
    return float("nan")
