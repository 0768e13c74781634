"""How far a job is, on stderr: a bar for a terminal, a line now and then for a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .output import clock, is_terminal, say

if TYPE_CHECKING:
    from fdaclip.library import Progress

Show = Callable[[float, float, str], None]  # done, of, a line for people
Line = Callable[[str], None]

LINE_EVERY = 10.0  # s


@contextmanager
def watching() -> Iterator[tuple[Show, Line]]:
    """What to call with how far it is, and with lines that stay."""
    if is_terminal():
        with _bar() as both:
            yield both
    else:
        yield _lines(), say


@contextmanager
def adding() -> Iterator[Callable[[Progress], None]]:
    """What ``Library.add`` is to call."""
    with watching() as (show, _):
        yield lambda now: show(now.share, 1.0, describe(now))


@contextmanager
def stage(title: str, unit: str) -> Iterator[Stage]:
    """One step of a job, counted; at its end a line says how long it took."""
    with watching() as (show, _):
        counted = Stage(title, unit, show)
        yield counted
    say(f"{title}: {counted.total:,} {unit} in {time.monotonic() - counted.began:.0f} s")


class Stage:
    """Tells how far a stage is; what was done before it began does not count for its rate."""

    def __init__(self, title: str, unit: str, show: Show) -> None:
        self.began = time.monotonic()
        self.title, self.unit, self.show = title, unit, show
        self.before: int | None = None
        self.done = self.total = 0

    def __call__(self, done: int, total: int, more: str = "") -> None:
        if self.before is None:
            self.before = max(0, done - 1)
        self.done, self.total = done, total
        rate = (done - self.before) / max(time.monotonic() - self.began, 1e-9)
        left = f"{clock(round((total - done) / rate))} left" if rate and done < total else ""
        parts = [f"{self.title} {done:,}/{total:,} {self.unit}", f"{rate:.1f}/s", left, more]
        self.show(done, total, " · ".join(part for part in parts if part))

    def part(self, total: int) -> Callable[[int, int], None]:
        """The progress of one part of a stage of ``total``, after what is already done."""
        before = self.done
        return lambda done, _: self(before + done, total)


def describe(now: Progress) -> str:
    """``12/40 files · 1 bad · 9.8× real time · 0.7 files/s · 0:41 left``."""
    elapsed = max(now.elapsed, 1e-9)
    parts = [f"{now.done}/{now.files} files"]
    if now.bad:
        parts.append(f"{now.bad} bad")
    if now.rate is not None:
        parts.append(f"{now.rate:.1f}× real time")
    if now.done:
        parts.append(f"{now.done / elapsed:.1f} files/s")
    if now.left is not None and now.share < 1:
        parts.append(f"{clock(round(now.left))} left")
    return " · ".join(parts)


def _lines() -> Show:
    last = time.monotonic()

    def show(done: float, of: float, text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_EVERY:
            last = time.monotonic()
            say(text)

    return show


@contextmanager
def _bar() -> Iterator[tuple[Show, Line]]:
    from rich import progress as rich_progress
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    columns = (
        rich_progress.SpinnerColumn(),
        rich_progress.BarColumn(bar_width=24),
        rich_progress.TextColumn("{task.description}", markup=False),
    )
    with rich_progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("looking", total=None)

        def show(done: float, of: float, text: str) -> None:
            bar.update(task, completed=done, total=of, description=text)

        def line(text: str) -> None:
            console.print(text, markup=False)

        yield show, line
