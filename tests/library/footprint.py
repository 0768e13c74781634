"""What a process holds: memory, open files, threads, children; told by /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
HERE = PROC.exists()


@dataclass(frozen=True)
class Footprint:
    """Of a process at one instant: bytes of memory, open files, threads, processes it started."""

    memory: int
    files: int
    threads: int
    children: tuple[int, ...]


def footprint(process: int | None = None) -> Footprint:
    """Of this process, or of another one.

    Raises:
        OSError: it is gone.
    """
    folder = PROC / str(process or os.getpid())
    status = dict(
        line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line
    )
    return Footprint(
        memory=int(status.get("VmRSS", "0 kB").split()[0]) * 1024,
        files=len(os.listdir(folder / "fd")),  # noqa: PTH208
        threads=int(status["Threads"]),
        children=tuple(
            int(child)
            for task in (folder / "task").iterdir()
            for child in (task / "children").read_text().split()
        ),
    )


def settled(process: int | None = None) -> Footprint:
    """Of this process once what it let go of is returned to the system."""
    import ctypes
    import gc

    import pyarrow as pa

    gc.collect()
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    return footprint(process)
