"""Functions that the worker processes of test_isolated.py run."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from fdaclip.video import NotAVideo


def act(path: Path) -> Iterator[str]:
    """Behave as the file's name says."""
    kind = path.name.split("-")[0]
    yield f"{path.name} begun"
    if kind == "sleep":
        time.sleep(3600)
    elif kind == "kill":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif kind == "exit":
        os._exit(7)
    elif kind == "bad":
        raise NotAVideo(path, "is in no video format that is known")
    elif kind == "raise":
        raise ZeroDivisionError("two\nlines")
    elif kind == "reset":
        raise ConnectionResetError("the share is gone")
    elif kind == "unpicklable":
        yield lambda: None  # type: ignore[misc]
    elif kind == "large":
        held = []
        for _ in range(60):
            held.append(np.ones(8 << 20, np.uint8))
    elif kind == "larger":
        cv2.resize(np.zeros((64, 64, 3), np.uint8), (20_000, 20_000))
    elif kind == "many":
        for number in range(200):
            yield f"{number}" * 2000
    yield f"{path.name} done"


def write_pid_and_sleep(path: Path) -> Iterator[None]:
    path.write_text(str(os.getpid()))
    time.sleep(3600)
    yield None
