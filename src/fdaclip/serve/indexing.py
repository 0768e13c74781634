"""Indexing for an assistant: ``fdaclip index`` in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from anyio.abc import Process

from fdaclip.library.errors import LibraryError

EVERY = 1.0  # s between two words of progress
GRACE = 20.0  # s to write what is finished when it is cancelled


async def index(
    path: str, library: str, model: str, tell: Callable[[float], Awaitable[None]]
) -> dict[str, Any]:
    """Add a folder or file to a library; gives the report as ``fdaclip index --json`` prints it.

    Cancelled, the process is asked to write what is finished, and killed if it takes too long.

    Args:
        model: that the library was made with, if it is not where the library remembers it.
        tell: is called with the seconds that it has taken so far.

    Raises:
        LibraryError: it failed as a whole.
    """
    command = [sys.executable, "-m", "fdaclip", "index", "--json", "--library", library]
    command += ["--model", model] if model else []
    process = await anyio.open_process(
        [*command, "--", path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    async with process:
        try:
            out, complaint = await _followed(process, tell)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await _stopped(process)
            raise
    try:
        report: dict[str, Any] = json.loads(out)
    except ValueError:
        lines = complaint.decode("utf-8", "replace").strip().splitlines()
        said = [line for line in lines if line.startswith(("error: ", "hint: "))] or lines[-1:]
        raise LibraryError(
            "indexing failed: " + "; ".join(line.removeprefix("error: ") for line in said)
        ) from None
    return report


async def _followed(
    process: Process, tell: Callable[[float], Awaitable[None]]
) -> tuple[bytes, bytes]:
    """What it printed on stdout and stderr, to its end."""
    began, told = time.monotonic(), [b"", b""]

    async def read(number: int) -> None:
        stream = (process.stdout, process.stderr)[number]
        assert stream is not None
        async for chunk in stream:
            told[number] += chunk

    async def report() -> None:
        while True:
            await anyio.sleep(EVERY)
            await tell(time.monotonic() - began)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(report)
        async with anyio.create_task_group() as reading:
            reading.start_soon(read, 0)
            reading.start_soon(read, 1)
        await process.wait()
        tasks.cancel_scope.cancel()
    return told[0], told[1]


async def _stopped(process: Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGINT)
        with anyio.move_on_after(GRACE):
            await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()
