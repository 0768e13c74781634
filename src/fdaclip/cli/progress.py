"""How far an ``add`` is, on stderr: a bar for a terminal, a line now and then for a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .output import clock, is_terminal, say

if TYPE_CHECKING:
    from fdaclip.library import Progress

Show = Callable[["Progress"], None]

LINE_EVERY = 10.0  # s


@contextmanager
def progress() -> Iterator[Show]:
    """What ``Library.add`` is to call."""
    if is_terminal():
        with _bar() as show:
            yield show
    else:
        yield _lines()


def describe(now: Progress) -> str:
    """``12/40 files · 1 bad · 9.8× real time · 0.7 files/s · 0:41 left``."""
    elapsed = max(now.elapsed, 1e-9)
    parts = [f"{now.done}/{now.files} files"]
    if now.bad:
        parts.append(f"{now.bad} bad")
    if now.seconds:
        parts.append(f"{now.seconds / elapsed:.1f}× real time")
    if now.done:
        parts.append(f"{now.done / elapsed:.1f} files/s")
    if now.left is not None and now.share < 1:
        parts.append(f"{clock(round(now.left))} left")
    return " · ".join(parts)


def _lines() -> Show:
    last = time.monotonic()

    def show(now: Progress) -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_EVERY:
            last = time.monotonic()
            say(describe(now))

    return show


@contextmanager
def _bar() -> Iterator[Show]:
    from rich import progress as rich_progress
    from rich.console import Console

    columns = (
        rich_progress.SpinnerColumn(),
        rich_progress.BarColumn(bar_width=24),
        rich_progress.TextColumn("{task.description}"),
    )
    with rich_progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking", total=1.0)

        def show(now: Progress) -> None:
            bar.update(task, completed=now.share, description=describe(now))

        yield show
