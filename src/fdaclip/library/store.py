"""The two tables of a library, and how they stay in step.

Shapes: M moments, E embedding.

``videos`` has one row per file (path), ``moments`` one per window of a *take*. A take is one
encoding of one content: the rows of ``videos`` that hold the same content share its number. LanceDB
commits each table atomically, but not both at once, so a take counts only once a row of ``videos``
names it: moments are written first, the rows that name them after. Whatever a killed process leaves
behind is moments that no row names: readers never see them, and the next writer drops them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("LANCEDB_LOG", "error")  # it warns of every table it creates

import lancedb
import pyarrow as pa

from .errors import told_clearly

State = Literal["ok", "partial", "bad"]
Floats = NDArray[np.float32]

KEPT = timedelta(hours=1)  # versions of a table that readers may still be reading
READS = 5  # attempts at reading both tables at one instant while a writer commits


@dataclass(frozen=True)
class Video:
    """A row of ``videos``: what is known of one file.

    Attributes:
        path: its key (``names.to_key``).
        size, mtime_ns: as the file system gave them when the content was read.
        content: its hash; empty if it could not be read at all.
        take: the number its moments carry; 0 if it has none.
        state: "ok", "partial" (some of its frames are lost) or "bad" (nothing could be indexed).
        reason: why it is partial or bad, one line.
        present: was it there when its folder was last looked at?
        duration: s. width, height: px, as shown. fps: mean frames/s. codec: its name.
        moments: how many its take has.
        lost: frames that were wanted and could not be decoded.
        indexed: Unix time, s.
    """

    path: str
    size: int
    mtime_ns: int
    content: str
    take: int
    state: State
    reason: str
    present: bool = True
    duration: float = 0.0
    width: int = 0
    height: int = 0
    fps: float = 0.0
    codec: str = ""
    moments: int = 0
    lost: int = 0
    indexed: float = 0.0


@dataclass(frozen=True)
class Moment:
    """A window of a video: [start, end) in s, what moves in it, and its vector.

    Attributes:
        vector: float32 [E], unit length.
        energy, share: means over its frames of ``Motion``'s (0 to 1).
        moving: share of its frames that are "moving", neither still nor a cut.
    """

    start: float
    end: float
    vector: Floats
    energy: float
    share: float
    moving: float


@dataclass(frozen=True)
class Moments:
    """All moments as columns [M], and their vectors float32 [M,E]."""

    take: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    energy: Floats
    share: Floats
    moving: Floats
    vectors: Floats


VIDEOS = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("mtime_ns", pa.int64(), nullable=False),
        pa.field("content", pa.string(), nullable=False),
        pa.field("take", pa.int64(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("present", pa.bool_(), nullable=False),
        pa.field("duration", pa.float64(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("fps", pa.float64(), nullable=False),
        pa.field("codec", pa.string(), nullable=False),
        pa.field("moments", pa.int32(), nullable=False),
        pa.field("lost", pa.int32(), nullable=False),
        pa.field("indexed", pa.float64(), nullable=False),
    ]
)
COLUMNS = tuple(field.name for field in fields(Video))
MEASURES = ("start", "end", "energy", "share", "moving")


def moments_schema(size: int) -> pa.Schema:
    """Of the moments of a library whose vectors have ``size`` elements."""
    return pa.schema(
        [
            pa.field("take", pa.int64(), nullable=False),
            pa.field("start", pa.float64(), nullable=False),
            pa.field("end", pa.float64(), nullable=False),
            pa.field("energy", pa.float32(), nullable=False),
            pa.field("share", pa.float32(), nullable=False),
            pa.field("moving", pa.float32(), nullable=False),
            pa.field("vector", pa.list_(pa.float32(), size), nullable=False),
        ]
    )


class Store:
    """The tables of one library folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        database = self._database = lancedb.connect(folder, read_consistency_interval=timedelta(0))
        self._videos = database.open_table("videos")
        self._moments = database.open_table("moments")

    @classmethod
    def create(cls, folder: Path, size: int) -> Store:
        """Empty tables in ``folder``; what an unfinished creation left there is replaced."""
        with told_clearly(folder):
            database = lancedb.connect(folder)
            for name, schema in (("videos", VIDEOS), ("moments", moments_schema(size))):
                if (left := folder / f"{name}.lance").exists():
                    shutil.rmtree(left)  # LanceDB cannot overwrite a table it cannot read
                database.create_table(name, schema=schema)
        return cls(folder)

    @property
    def version(self) -> tuple[int, int]:
        """Changes with every commit, by this process or another."""
        return self._videos.version, self._moments.version

    def videos(self) -> list[Video]:
        """Every row of ``videos``."""
        columns = self._videos.to_arrow().to_pydict()
        rows = zip(*(columns[name] for name in COLUMNS), strict=True)
        return [Video(*row) for row in rows]

    def snapshot(self) -> tuple[list[Video], Moments]:
        """Both tables as they stood at one instant.

        Should a writer commit faster than they can be read, the moments may be newer than the rows
        that name them: a moment can then be wanting, never wrong.
        """
        for _ in range(READS):
            version = self._videos.version
            videos, moments = self.videos(), self.moments()
            if self._videos.version == version:
                break
        return videos, moments

    def moments(self) -> Moments:
        """Every row of ``moments``, those that no video names (yet) included."""
        table = self._moments.to_arrow().combine_chunks()
        size = table.schema.field("vector").type.list_size

        def column(name: str) -> Any:
            return table.column(name).to_numpy()

        flat = pa.concat_arrays(
            [pa.array([], pa.float32()), *(c.flatten() for c in table.column("vector").chunks)]
        )
        return Moments(
            take=column("take"),
            start=column("start"),
            end=column("end"),
            energy=column("energy"),
            share=column("share"),
            moving=column("moving"),
            vectors=flat.to_numpy().reshape(-1, size),
        )

    def takes(self) -> NDArray[np.int64]:
        """The distinct takes that ``moments`` holds."""
        table = self._moments.search().select(["take"]).to_arrow()
        return np.unique(table.column("take").to_numpy())

    def commit(self, takes: Mapping[int, Sequence[Moment]], videos: Iterable[Video]) -> None:
        """Write new takes, then the rows of ``videos``, old ones replaced by path.

        Raises:
            CannotWrite: as every method that writes.
        """
        with told_clearly(self._folder):
            if any(takes.values()):
                self._moments.add(self._moments_table(takes))
            rows = list({video.path: video for video in videos}.values())
            if rows:
                columns = {name: [getattr(row, name) for row in rows] for name in COLUMNS}
                (
                    self._videos.merge_insert("path")
                    .when_matched_update_all()
                    .when_not_matched_insert_all()
                    .execute(pa.table(columns, schema=VIDEOS))
                )

    def _moments_table(self, takes: Mapping[int, Sequence[Moment]]) -> pa.Table:
        schema = self._moments.schema
        numbered = [(take, moment) for take, moments in takes.items() for moment in moments]
        vectors = np.stack([moment.vector for _, moment in numbered]).astype(np.float32)
        columns: dict[str, Any] = {"take": [take for take, _ in numbered]}
        for name in MEASURES:
            columns[name] = [getattr(moment, name) for _, moment in numbered]
        columns["vector"] = pa.FixedSizeListArray.from_arrays(
            pa.array(vectors.ravel()), schema.field("vector").type.list_size
        )
        return pa.table(columns, schema=schema)

    def forget(self, paths: Iterable[str]) -> None:
        """Delete the rows of these keys; their moments go with ``drop_orphans``."""
        for condition in _conditions("path", (_quoted(path) for path in paths)):
            with told_clearly(self._folder):
                self._videos.delete(condition)

    def drop_orphans(self) -> int:
        """Delete the moments that no row of ``videos`` names; returns the number of their takes.

        Only for a writer: between the two writes of a commit, moments are orphans too.
        """
        named = {video.take for video in self.videos()}
        orphans = [take for take in self.takes().tolist() if take not in named]
        for condition in _conditions("take", map(str, orphans)):
            with told_clearly(self._folder):
                self._moments.delete(condition)
        return len(orphans)

    def drop_moments(self, size: int) -> None:
        """Delete all moments; those to come have vectors of ``size`` elements."""
        schema = moments_schema(size)
        with told_clearly(self._folder):
            self._moments = self._database.create_table("moments", schema=schema, mode="overwrite")

    def compact(self) -> None:
        """Merge the small files of many commits, and drop versions no reader can still be using."""
        with told_clearly(self._folder):
            for table in (self._videos, self._moments):
                table.optimize(cleanup_older_than=KEPT)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _conditions(column: str, values: Iterable[str]) -> Iterator[str]:
    remaining = iter(values)
    while some := list(islice(remaining, 500)):
        yield f"{column} IN ({', '.join(some)})"
