"""Knowing a file again, wherever it lies, without reading all of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

PIECE = 2**16  # bytes read at the beginning, the middle and the end


def content_of(path: Path) -> str:
    """A hash of a file's size, beginning, middle and end: the same wherever it lies."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for at in (0, size // 2, max(0, size - PIECE)):
            file.seek(at)
            digest.update(file.read(PIECE))
    return digest.hexdigest()
