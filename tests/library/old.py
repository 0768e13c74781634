"""A library as schema 1 wrote it, before it was 2: five files of which one is bad and one missing.

``schema1.zip`` was made with that version, with `FakeEncoder`: the files were films in ``/films``,
and are gone. ``hits.json`` in it says what that version found.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

ZIP = Path(__file__).with_name("schema1.zip")
FILES = ["/films/0.mp4", "/films/1.mp4", "/films/100 %.mp4", "/films/2.mp4", "/films/bad.mp4"]


def old_library(place: Path) -> dict[str, list[dict[str, Any]]]:
    """Unpack it to a folder; returns what that version found for two sentences."""
    with zipfile.ZipFile(ZIP) as packed:
        packed.extractall(place)
    hits = place / "hits.json"
    found: dict[str, list[dict[str, Any]]] = json.loads(hits.read_text())
    hits.unlink()
    return found
