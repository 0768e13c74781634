"""Ctrl-C, or a polite request to end, stops a run in good order instead of anywhere."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, TypeVar

from .report import AddReport

T = TypeVar("T")


class Interrupted(KeyboardInterrupt):
    """``add`` was interrupted; what was finished is written, and the next run does the rest.

    Attributes:
        report: what was done until then.
    """

    def __init__(self, report: AddReport) -> None:
        super().__init__("interrupted; what is finished is kept")
        self.report = report


class _Woken(BaseException):
    """Raised by the signal while nothing is done but waiting."""


class Interrupts:
    """While entered, SIGINT and SIGTERM set ``asked`` and end a wait; a second one ends it all.

    Outside the main thread, where Python delivers no signals, it does nothing.
    """

    def __init__(self) -> None:
        self.asked = False
        self._waiting = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def unless_asked(self, wait: Callable[[], T]) -> T | None:
        """What ``wait`` gives, or None as soon as a signal has come."""
        self._waiting = True
        try:
            return None if self.asked else wait()
        except _Woken:
            return None
        finally:
            self._waiting = False

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        if self._waiting:
            raise _Woken
