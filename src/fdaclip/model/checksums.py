"""Checksums of fetched files, and the record of them by which they can be checked offline."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

BLOCK = 1 << 20


def sha256(path: Path) -> str:
    """Of a file's content, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def git_name(path: Path) -> str:
    """The name that git gives a file's content, 40 hexadecimal digits."""
    digest = hashlib.sha1(usedforsecurity=False)
    digest.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_record(path: Path, sums: Mapping[str, str]) -> None:
    """Checksums by file name, in the form that ``sha256sum --check`` reads."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
    path.write_text(lines, encoding="utf-8")


def read_record(path: Path) -> dict[str, str]:
    """Checksums by file name; empty if there is no record."""
    if not path.is_file():
        return {}
    rows = (line.split("  ", 1) for line in path.read_text(encoding="utf-8").splitlines())
    return {row[1]: row[0] for row in rows if len(row) == 2}


def differing(folder: Path, sums: Mapping[str, str]) -> list[str]:
    """Files of a record that are missing, or whose content is another now."""
    return [
        name
        for name, digest in sorted(sums.items())
        if not (folder / name).is_file() or sha256(folder / name) != digest
    ]
