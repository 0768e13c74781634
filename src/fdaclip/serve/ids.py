"""What files and moments are called in addresses: no name says where a file lies.

A video's id is a hash of its path, so it stays while the file does. A moment's is its video's with
its start and end in milliseconds: ``f2ca1bb6c7e907d0-4000-12000``.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

VIDEO = r"[0-9a-f]{16}"
MOMENT = rf"{VIDEO}-\d{{1,10}}-\d{{1,10}}"
_PARTS = re.compile(rf"({VIDEO})-(\d{{1,10}})-(\d{{1,10}})", re.ASCII)


def video_id(key: str) -> str:
    """Of the file with this key (``fdaclip.library.names.to_key`` of its path)."""
    return hashlib.blake2b(key.encode(), digest_size=8).hexdigest()


def moment_id(video: str, start: float, end: float) -> str:
    """Of a stretch, s, of the video with this id."""
    return f"{video}-{round(start * 1000)}-{round(end * 1000)}"


class Stretch(NamedTuple):
    """What a moment's id says: the video's id, start and end, s."""

    video: str
    start: float
    end: float


def parsed(moment: str) -> Stretch | None:
    """What a moment's id says; None if it is none."""
    found = _PARTS.fullmatch(moment)
    if found is None or int(found[2]) >= int(found[3]):
        return None
    return Stretch(found[1], int(found[2]) / 1000, int(found[3]) / 1000)
