"""What a library was built with: a small JSON file beside its tables.

It is written last when a library is created, so a folder with a stamp is a whole library.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .errors import NotALibrary, told_clearly

SCHEMA = 1
FILE = "library.json"


@dataclass(frozen=True)
class Stamp:
    """The identity of a library's vectors.

    Attributes:
        schema: version of the tables' layout.
        fingerprint: of the encoder; vectors of another one are not comparable.
        embedding_size: E, the length of a vector.
        model: hub name or folder the encoder is loaded from.
        sampling: frames per moment and their partners, as ``Sampling``'s fields.
        motion: how masks are made, as ``MotionConfig``'s fields.
        window: length of a moment, s.
        created: ISO 8601, UTC.
    """

    schema: int
    fingerprint: str
    embedding_size: int
    model: str
    sampling: dict[str, Any]
    motion: dict[str, Any]
    window: float
    created: str


def read_stamp(folder: Path) -> Stamp | None:
    """The stamp of the library in ``folder``; None where there is no library.

    Raises:
        NotALibrary: there is a stamp, but not one this version can read.
    """
    try:
        text = (folder / FILE).read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise NotALibrary(
            f"cannot read the library {folder}: {error.strerror}",
            "check its permissions and whether the disk is there",
        ) from None
    try:
        stamp = Stamp(**json.loads(text))
    except (ValueError, TypeError):
        stamp = None
    if stamp is None or stamp.schema != SCHEMA:
        found = "an unreadable one" if stamp is None else f"version {stamp.schema}"
        raise NotALibrary(
            f"{folder / FILE} should be a stamp of version {SCHEMA}, but is {found}",
            "use the version of fdaclip that wrote it, or index into another --library",
        )
    return stamp


def write_stamp(folder: Path, stamp: Stamp) -> None:
    """Write the stamp so that a reader sees the old one or the new one, never half of it."""
    with told_clearly(folder):
        unfinished = folder / (FILE + ".new")
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(json.dumps(asdict(stamp), indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(folder / FILE)
