"""Where a library lies: a folder, or the address of one in object storage.

What reads and writes a library's small files, its lock and its tables is told the place as it was
given, a ``Path`` or a ``Remote``; nothing of object storage is imported for a folder.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import Any

from .remote import Remote as Remote

Place = Path | Remote
REMEMBERED = 4 << 20  # bytes of metadata that LanceDB keeps: by default 1 GB, as commits go by
DERIVED = "search"  # the folder of what is derived from the tables

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def place_of(given: str | os.PathLike[str] | Remote) -> Place:
    """The place that somebody named: an address has ``SCHEME://``, everything else is a path."""
    if isinstance(given, Remote):
        return given
    text = os.fspath(given)
    if _ADDRESS.match(text) and not isinstance(given, Path):
        return Remote(text)
    return Path(given).expanduser().absolute()


def derived_folder(place: Place) -> Path:
    """Where files derived from the tables lie, that may be deleted at any time: on this machine."""
    return place.cache / DERIVED if isinstance(place, Remote) else place / DERIVED


def connected(place: Place, **options: Any) -> Any:
    """LanceDB's connection to the tables that lie there."""
    import lancedb

    if isinstance(place, Remote):
        return lancedb.connect(place.uri, storage_options=storage_options(place), **options)
    return lancedb.connect(place, session=_session(), **options)


@cache
def _session() -> Any:
    """Of this process: what it remembers of versions that are past, and of files, is bounded."""
    import lancedb

    return lancedb.Session(metadata_cache_size_bytes=REMEMBERED)


def storage_options(place: Place) -> dict[str, str] | None:
    """What Lance is told to reach it."""
    return place.storage_options if isinstance(place, Remote) else None


def discard(place: Place, table: str) -> None:
    """Delete what is left of a table that cannot be opened; nothing if there is nothing."""
    if isinstance(place, Remote):
        place.discard(f"{table}.lance")
    elif (left := place / f"{table}.lance").exists():
        import shutil

        shutil.rmtree(left)
