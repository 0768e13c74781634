"""File names are bytes, table columns are UTF-8: a lossless way between them.

A path is stored as its UTF-8 text, readable and filterable as it is. The bytes that are not UTF-8,
and the per cent sign itself, are written as ``%XX``, so that every path has exactly one key and
every key one path.
"""

# Paths are strings here: os loses none of their bytes.
# ruff: noqa: PTH116, PTH120

from __future__ import annotations

import errno
import os
import re
from typing import Literal

Whereabouts = Literal["here", "offline", "gone"]

# what a disk says that was pulled out, or a server that is not reached: the file may well be there
_AWAY = {
    getattr(errno, name)
    for name in ("EIO", "ENODEV", "ENXIO", "ENOTCONN", "ESTALE", "EHOSTDOWN", "ETIMEDOUT")
    if hasattr(errno, name)
}
_TO_ESCAPE = re.compile("[%\udc80-\udcff]")
_ESCAPED = re.compile(rb"%([0-9A-F]{2})")


def to_key(path: str | os.PathLike[str]) -> str:
    """The path as stored: valid UTF-8, whatever bytes it is made of."""
    if isinstance(path, str) and path.isascii() and "%" not in path:
        return path  # as most are; the same object, for there may be millions
    text = os.fsencode(path).decode("utf-8", "surrogateescape")
    return _TO_ESCAPE.sub(lambda found: f"%{ord(found[0]) & 0xFF:02X}", text)


def from_key(key: str) -> str:
    """The path of a key, with undecodable bytes as surrogates, as Python's ``os`` gives them."""
    if key.isascii() and "%" not in key:
        return key
    return os.fsdecode(_ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), key.encode("utf-8")))


def whereabouts(path: str, mount: str) -> Whereabouts:
    """Where a file is that was indexed once.

    Args:
        path: of the file.
        mount: key of the mount point it lay on then (`mount_of`); empty if that is not known.

    Returns:
        "here": there is such a file, or that cannot be told (a folder must not be looked into).
        "offline": its disk is not mounted, or does not answer. "gone": it is certainly not there.
    """
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return "gone" if is_mounted(mount) else "offline"
    except OSError as error:
        return "offline" if error.errno in _AWAY else "here"
    return "here"


def is_mounted(mount: str) -> bool:
    """Is something mounted at this mount point (a key)? Of an unknown one (empty): yes."""
    return not mount or os.path.ismount(from_key(mount))


def mount_of(path: str) -> str:
    """Key of the mount point that a file or folder lies on: "/" on the root file system."""
    place = os.path.realpath(path)
    while not os.path.ismount(place):
        place, before = os.path.dirname(place), place
        if place == before:
            break
    return to_key(place)
