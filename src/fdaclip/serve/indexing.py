"""Indexing for an assistant: a job that is followed to its end, or stopped."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from fdaclip.library.errors import LibraryError

from . import wire
from .jobs import Jobs

LOOK = 0.5  # s between two looks at how far it is


async def index(
    jobs: Jobs, path: str, tell: Callable[[wire.Job], Awaitable[None]]
) -> wire.JobReport:
    """Add a folder or file to the library; cancelled, it keeps what is finished.

    Args:
        tell: is called with the job when that has changed.

    Raises:
        Refused: another job is at work. LibraryError: it failed as a whole, or was stopped.
    """
    job = jobs.start([path])
    try:
        last = job.told
        while not job.over:
            await anyio.sleep(LOOK)
            if job.told is not last:
                last = job.told
                await tell(last)
    except BaseException:
        job.stop()
        with anyio.CancelScope(shield=True):
            while not job.over:
                await anyio.sleep(LOOK)
        raise
    told = job.told
    if told.error:
        raise LibraryError(told.error.message, told.error.hint)
    if told.state == "cancelled" or told.report is None:
        raise LibraryError("indexing was stopped", "what is finished is kept; index it again")
    return told.report
