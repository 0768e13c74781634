"""Signals still arrive after OpenVINO has compiled a graph."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Stack(ctypes.Structure):
    """Linux's `stack_t`."""

    _fields_ = (("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def own_signal_stack() -> Iterator[None]:
    """Keep this thread's alternate signal stack, which OpenVINO replaces and then frees.

    Python's handlers run there: the next Ctrl-C would be a segmentation fault (OpenVINO 2026.4).
    Nothing is done elsewhere than on Linux.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    sigaltstack, before = ctypes.CDLL(None).sigaltstack, Stack()
    sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        sigaltstack(ctypes.byref(before), None)
