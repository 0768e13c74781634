"""A part of the vector file: the moments of some takes, written once, then mapped rather than read.

Shapes: M moments, E embedding.

A part is a header of 4 KiB (magic, JSON), then its arrays one after another. The header is written
last and the file renamed when it is whole, so what has a part's name is a part, or was damaged
later. Its size and the checksum of all but the vectors are looked at when it is opened; a gigabyte
of vectors is not. The best of a search must be of unit length (`search`), and `verify` compares
them all with the table.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .clusters import Clusters
from .rows import COLUMNS, Moments

MAGIC = b"fdaclip moments 1\n"
HEADER = 4096  # bytes
ALIGNED = 64  # bytes
LARGE = {"vectors", "heads"}  # not in the checksum
KINDS: dict[str, Any] = {
    "vectors": np.float32,
    "heads": np.float32,
    "take": np.int64,
    "start": np.float64,
    "end": np.float64,
    "energy": np.float32,
    "share": np.float32,
    "moving": np.float32,
    "shot": np.int32,
    "centres": np.float32,
    "edges": np.int64,
    "basis": np.float32,
    "by_take": np.int64,
}


class Damaged(Exception):
    """A derived file is not what was written."""


@dataclass(frozen=True)
class Part:
    """Moments of whole takes, and where they lie.

    Attributes:
        moments: arrays in memory, or mapped.
        clusters: how they are grouped for approximate search, if they are.
        path: of its file; None if it is only in memory.
        ordered: int64 [M], its rows in order of take, if they were written with it.
    """

    moments: Moments
    clusters: Clusters | None = None
    path: Path | None = None
    ordered: NDArray[np.int64] | None = None

    @cached_property
    def by_take(self) -> NDArray[np.int64]:
        """Its rows in order of take, int64 [M]."""
        if self.ordered is not None:
            return self.ordered
        order: NDArray[np.int64] = np.argsort(self.moments.take, kind="stable")
        return order

    @cached_property
    def takes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Its takes in ascending order, and how many moments each has."""
        takes, counts = np.unique(self.moments.take, return_counts=True)
        return takes, counts


def write_part(
    path: Path,
    chunks: Iterable[Moments],
    size: int,
    clusters: Clusters | None = None,
    ordered: NDArray[np.int64] | None = None,
) -> Part:
    """Write moments that come a few at a time, with vectors of ``size`` elements.

    Args:
        clusters: of the moments in this order. ordered: as `Part` has it; kept where it would take
            long to find out.

    Raises:
        OSError: it cannot be written; nothing of that name is there then.
    """
    held: dict[str, list[Any]] = {name: [] for name in COLUMNS}

    def vectors() -> Iterator[NDArray[Any]]:
        for chunk in chunks:
            for name in COLUMNS:
                held[name].append(getattr(chunk, name))
            yield chunk.vectors

    streams: dict[str, Iterable[NDArray[Any]]] = {"vectors": vectors()}
    streams |= held  # filled by the time they are drawn
    widths = {"vectors": size}
    facts: dict[str, Any] = {}
    if clusters:
        facts = clusters.facts
        for name, array in clusters.arrays.items():
            streams[name] = [array]
            widths |= {name: array.shape[1]} if array.ndim == 2 else {}
    if ordered is not None:
        streams["by_take"] = [ordered]
    unfinished = path.with_name(path.name + ".new")
    try:
        with unfinished.open("wb") as file:
            _write(file, streams, widths, facts)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return read_part(path)


def _write(
    file: Any,
    streams: dict[str, Iterable[NDArray[Any]]],
    widths: dict[str, int],
    facts: dict[str, Any],
) -> None:
    file.seek(HEADER)
    arrays: dict[str, Any] = {}
    sum_ = 0
    for name, stream in streams.items():
        begin = -(-file.tell() // ALIGNED) * ALIGNED
        file.write(bytes(begin - file.tell()))
        rows = 0
        for chunk in stream:
            plain = np.ascontiguousarray(chunk, KINDS[name])
            rows += len(plain)
            file.write(plain.data if plain.size else b"")
            sum_ = sum_ if name in LARGE else zlib.crc32(plain.data, sum_)
        shape = [rows, widths[name]] if name in widths else [rows]
        arrays[name] = {"offset": begin, "shape": shape}
    described = {"arrays": arrays, "facts": facts, "bytes": file.tell(), "sum": sum_}
    text = json.dumps(described).encode()
    file.seek(0)
    file.write((MAGIC + text).ljust(HEADER))


def read_part(path: Path) -> Part:
    """Map a part.

    Raises:
        Damaged: it is missing, or not what was written.
    """
    try:
        with path.open("rb") as file:
            header = file.read(HEADER)
        if not header.startswith(MAGIC):
            raise Damaged(f"{path.name} does not begin as a part does")
        described = json.loads(header[len(MAGIC) :])
        if path.stat().st_size != described["bytes"]:
            raise Damaged(f"{path.name} has not the size it was written with")
        arrays: dict[str, Any] = {}
        sum_ = 0
        for name, place in described["arrays"].items():
            shape = tuple(place["shape"])
            if 0 in shape:
                array: Any = np.empty(shape, KINDS[name])
            else:
                array = np.memmap(path, KINDS[name], "r", place["offset"], shape).view(np.ndarray)
            arrays[name] = array
            sum_ = sum_ if name in LARGE else zlib.crc32(array.data, sum_)
        if sum_ != described["sum"]:
            raise Damaged(f"{path.name} has not the contents it was written with")
        moments = Moments(**{name: arrays.pop(name) for name in (*COLUMNS, "vectors")})
        ordered = arrays.pop("by_take", None)
        clusters = Clusters(**arrays, **described["facts"]) if arrays else None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Damaged(f"{path.name} cannot be read: {error}") from error
    return Part(moments, clusters, path, ordered)
