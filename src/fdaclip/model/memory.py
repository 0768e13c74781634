"""The C library keeps the memory of large arrays, rather than giving it back after each."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4  # of glibc's malloc.h
LARGEST = 32 * 2**20  # bytes; the most that glibc takes for the second
KEPT = 512 * 2**20  # bytes


@cache
def keep_memory(*, whole: bool = False) -> bool:
    """Let large arrays come from memory that the process keeps; says whether it could.

    Layers ask for the same sizes again and again; each fresh mapping is zeroed by the kernel page
    by page. In torch this took 2 to 4 % off the processor's time of a tower (ViT-B/32, AVX2; ONNX
    Runtime keeps its own memory and gained nothing), and half off a training step of a small model.
    Changes time alone. Once is enough for a process; nothing is done elsewhere than on Linux with
    glibc.

    Args:
        whole: keep all there ever was, as training wants it, whose steps ask for hundreds of
            megabytes; else arrays up to 32 MB, and half a gigabyte of what is free.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    if whole:
        return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, -1))
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST)) and bool(mallopt(M_TRIM_THRESHOLD, KEPT))
