"""Decoding that ends its process at certain files, as a bug in a codec does."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from fdaclip.library.prepare import Facts, Looking, Prepare, Prepared


class Crashing(Prepare):
    """Dies of files whose names begin with ``crash``."""

    def __call__(self, path: Path) -> Iterator[Looking | Facts | Prepared]:
        if path.name.startswith("crash"):
            os.kill(os.getpid(), signal.SIGSEGV)
        yield from super().__call__(path)
