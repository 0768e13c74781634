"""Memory that training frees stays with the process."""

from __future__ import annotations

import ctypes
import sys

TRIM_THRESHOLD, MMAP_MAX = -1, -4  # of glibc's mallopt


def keep_freed_memory() -> None:
    """Let the C library keep what is freed, on Linux with glibc; elsewhere do nothing.

    Each step on a processor asks for the same hundreds of megabytes. By default glibc gets every
    large block from the kernel and gives it back, and the kernel clears each page again: half of a
    step of a small model. Kept, the blocks are used again as they are. The process then holds its
    peak until it ends.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return
    mallopt(MMAP_MAX, 0)
    mallopt(TRIM_THRESHOLD, -1)
