"""File names are bytes, table columns are UTF-8: a lossless way between them.

A path is stored as its UTF-8 text, readable and filterable as it is. The bytes that are not UTF-8,
and the per cent sign itself, are written as ``%XX``, so that every path has exactly one key and
every key one path.
"""

from __future__ import annotations

import os
import re

_TO_ESCAPE = re.compile("[%\udc80-\udcff]")
_ESCAPED = re.compile(rb"%([0-9A-F]{2})")


def to_key(path: str | os.PathLike[str]) -> str:
    """The path as stored: valid UTF-8, whatever bytes it is made of."""
    text = os.fsencode(path).decode("utf-8", "surrogateescape")
    return _TO_ESCAPE.sub(lambda found: f"%{ord(found[0]) & 0xFF:02X}", text)


def from_key(key: str) -> str:
    """The path of a key, with undecodable bytes as surrogates, as Python's ``os`` gives them."""
    return os.fsdecode(_ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), key.encode("utf-8")))
