"""The tables of a library, and how they stay in step.

Shapes: M moments, E embedding.

``videos`` has one row per file (path), ``moments`` one per window of a *take*. A take is one
encoding of one content: the rows of ``videos`` that hold the same content share its number. LanceDB
commits each table atomically, but not both at once, so a take counts only once a row of ``videos``
names it: moments are written first, the rows that name them after. Whatever a killed process leaves
behind is moments that no row names: readers never see them, and the next writer drops them.

``texts`` has one row per caption or subtitle, by the same rule: those of one file carry the number
of an *edition*, which counts only once a row of ``videos`` names it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("LANCEDB_LOG", "error")  # it warns of every table it creates

import lancedb
import pyarrow as pa
from lancedb.index import FTS, IvfPq
from lancedb.query import MatchQuery

from .errors import told_clearly
from .place import Place, connected, discard, storage_options
from .rows import COLUMNS as MOMENT_COLUMNS
from .rows import Moment, Moments, Text, Video, joined

KEPT = timedelta(hours=1)  # versions of a table that readers may still be reading
READS = 5  # attempts at reading both tables at one instant while a writer commits
ROWS = 8192  # moments read at a time: 16 MB of vectors of 512 elements


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
        pa.field("audio", pa.bool_(), nullable=False),
        pa.field("captured", pa.float64(), nullable=False),
        pa.field("mount", pa.string(), nullable=False),
        pa.field("words", pa.int64(), nullable=False),
        pa.field("sidecars", pa.string(), nullable=False),
    ]
)
COLUMNS = tuple(field.name for field in fields(Video))
TEXTS = pa.schema(
    [
        pa.field("edition", pa.int64(), nullable=False),
        pa.field("start", pa.float64(), nullable=False),
        pa.field("end", pa.float64(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
    ]
)
TEXT_COLUMNS = ("start", "end", "source", "text")
MEASURES = ("start", "end", "energy", "share", "moving", "shot", "thumb_time", "thumbnail")


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
            pa.field("shot", pa.int32(), nullable=False),
            pa.field("thumb_time", pa.float64(), nullable=False),
            pa.field("thumbnail", pa.binary()),
            pa.field("vector", pa.list_(pa.float32(), size), nullable=False),
        ]
    )


class Store:
    """The tables of one library."""

    def __init__(self, folder: Place) -> None:
        self._folder = folder
        database = self._database = connected(folder, read_consistency_interval=timedelta(0))
        self._videos = database.open_table("videos")
        self._moments = database.open_table("moments")
        try:
            self._texts = database.open_table("texts")
        except ValueError:  # a library of schema 1 has none until somebody writes to it
            self._texts = lancedb.connect("memory://").create_table("texts", schema=TEXTS)

    @classmethod
    def create(cls, folder: Place, size: int) -> Store:
        """Empty tables in ``folder``; what an unfinished creation left there is replaced."""
        with told_clearly(folder):
            database = connected(folder)
            schemas = {"videos": VIDEOS, "moments": moments_schema(size), "texts": TEXTS}
            for name, schema in schemas.items():
                discard(folder, name)  # LanceDB cannot overwrite a table it cannot read
                database.create_table(name, schema=schema)
        return cls(folder)

    @property
    def version(self) -> tuple[int, int]:
        """Changes with every commit, by this process or another."""
        return self._videos.version, self._moments.version

    def videos(self) -> list[Video]:
        """Every row of ``videos``."""
        table = self._videos.to_arrow()
        columns = table.to_pydict()
        for field in fields(Video):
            columns.setdefault(field.name, [field.default] * len(table))  # it is of schema 1
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
        return joined(list(self.chunks()), self.size)

    @property
    def size(self) -> int:
        """E, the elements of a vector."""
        elements: int = self._moments.schema.field("vector").type.list_size
        return elements

    def chunks(self, takes: Iterable[int] | None = None) -> Iterator[Moments]:
        """The moments of these takes, or all of them, a few thousand at a time."""
        there = set(self._moments.schema.names)  # no shots in a library of schema 1
        columns = [name for name in (*MOMENT_COLUMNS, "vector") if name in there]
        if takes is None:
            query = self._moments.search().select(columns)
            yield from map(_as_moments, query.to_batches(ROWS))
            return
        for condition in _conditions("take", map(str, takes)):
            chosen = self._moments.search().where(condition)
            batches = chosen.select(columns).to_batches(ROWS)
            yield from map(_as_moments, batches)

    def thumbnail(self, take: int, start: float) -> bytes | None:
        """The JPEG of a moment; None if it has none."""
        if "thumbnail" not in self._moments.schema.names:
            return None  # of schema 1
        condition = f"take = {take} AND start = {start!r}"
        found = self._moments.search().where(condition).select(["thumbnail"]).limit(1).to_arrow()
        pictures: list[bytes | None] = found.column("thumbnail").to_pylist()
        return pictures[0] if pictures else None

    def thumbnails(self) -> Iterator[tuple[int, float, float, float, bytes | None]]:
        """Take, start, end, the thumbnail's time and its JPEG of each moment, a few at a time."""
        if "thumbnail" not in self._moments.schema.names:
            return  # of schema 1
        columns = ["take", "start", "end", "thumb_time", "thumbnail"]
        for batch in self._moments.search().select(columns).to_batches(ROWS // 16):
            yield from zip(*(batch.column(name).to_pylist() for name in columns), strict=True)

    def drop_thumbnail(self, take: int, start: float) -> None:
        """The moment has no thumbnail from now on."""
        with told_clearly(self._folder):
            self._moments.update(
                where=f"take = {take} AND start = {start!r}",
                values_sql={"thumbnail": "NULL", "thumb_time": "cast('NaN' as double)"},
            )

    def takes(self) -> NDArray[np.int64]:
        """The distinct takes that ``moments`` holds."""
        table = self._moments.search().select(["take"]).to_arrow()
        return np.unique(table.column("take").to_numpy())

    def editions(self) -> NDArray[np.int64]:
        """The distinct editions that ``texts`` holds."""
        table = self._texts.search().select(["edition"]).to_arrow()
        return np.unique(table.column("edition").to_numpy())

    def texts(self, edition: int) -> list[Text]:
        """The texts of a file, in order of time."""
        found = self._texts.search().where(f"edition = {edition}").select(list(TEXT_COLUMNS))
        rows = found.to_arrow().to_pylist()
        return sorted((Text(**row) for row in rows), key=lambda text: (text.start, text.end))

    def find_texts(self, words: str, limit: int) -> list[tuple[int, Text, float]]:
        """Edition, text and score (BM25) of the ``limit`` texts that fit some words best.

        Texts that were written since the index was last refreshed are found too; so are those that
        no row of ``videos`` names.
        """
        if not self._texts.list_indices():
            return []
        match = MatchQuery(words, "text")  # type: ignore[call-arg]  # its other fields have defaults
        search = self._texts.search(match, query_type="fts")
        table = search.select(["edition", *TEXT_COLUMNS, "_score"]).limit(limit).to_arrow()
        found = [(row.pop("edition"), row.pop("_score"), Text(**row)) for row in table.to_pylist()]
        found.sort(key=lambda one: (-one[1], one[0], one[2].start))
        return [(edition, text, score) for edition, score, text in found]

    def commit(
        self,
        takes: Mapping[int, Sequence[Moment]],
        videos: Iterable[Video],
        editions: Mapping[int, Sequence[Text]] | None = None,
    ) -> None:
        """Write new takes and editions, then the rows of ``videos``, old ones replaced by path.

        Raises:
            CannotWrite: as every method that writes.
        """
        with told_clearly(self._folder):
            if any(takes.values()):
                self._moments.add(moments_table(takes, self._moments.schema))
            if editions and any(editions.values()):
                if not self._texts.list_indices():
                    self._texts.create_index("text", config=FTS())
                self._texts.add(_texts_table(editions))
            rows = list({video.path: video for video in videos}.values())
            if rows:
                (
                    self._videos.merge_insert("path")
                    .when_matched_update_all()
                    .when_not_matched_insert_all()
                    .execute(_videos_table(rows))
                )

    @property
    def place(self) -> Place:
        """Where the tables lie."""
        return self._folder

    @property
    def count(self) -> int:
        """Rows of ``moments``."""
        return int(self._moments.count_rows())

    def has_index(self, name: str) -> bool:
        """Has ``moments`` a vector index of that name?"""
        return any(index.name == name for index in self._moments.list_indices())

    def make_index(self, name: str, lists: int, elements: int) -> None:
        """Train a vector index (IVF_PQ); an older one of that name is replaced.

        Args:
            elements: of a vector that share a byte.
        """
        config = IvfPq(
            distance_type="dot",
            num_partitions=lists,
            num_sub_vectors=max(1, self.size // elements),
        )
        self._moments.create_index("vector", config=config, name=name, replace=True)

    def refresh_index(self) -> None:
        """Take what came since into the vector index."""
        self._moments.optimize()

    def nearest(
        self,
        query: NDArray[np.float32],
        limit: int,
        probes: int,
        refine: int,
        *,
        exact: bool = False,
    ) -> Moments:
        """The moments nearest to a vector [E], by the index, or by comparing all."""
        search = self._moments.search(query, vector_column_name="vector").distance_type("dot")
        if exact:
            search = search.bypass_vector_index()
        else:
            search = search.nprobes(probes).refine_factor(refine)
        found = search.select([*MOMENT_COLUMNS, "vector", "_distance"]).limit(limit).to_arrow()
        chunks = [_as_moments(batch) for batch in found.to_batches()]
        return joined(chunks, self.size)

    def append(self, fragments: Sequence[str]) -> None:
        """Make fragments, as Lance describes them in JSON, part of ``moments``, all in one commit.

        Their takes count only once rows of ``videos`` name them.
        """
        import lance

        pieces = [lance.fragment.FragmentMetadata.from_json(one) for one in fragments]
        with told_clearly(self._folder):
            lance.LanceDataset.commit(
                self.moments_uri,
                lance.LanceOperation.Append(pieces),
                read_version=self._moments.version,
                storage_options=storage_options(self._folder),
            )

    @property
    def moments_uri(self) -> str:
        """Where the table of moments lies, for Lance."""
        return f"{self._folder}/moments.lance"

    @property
    def moments_schema(self) -> pa.Schema:
        """Of its rows."""
        return self._moments.schema

    @property
    def data_version(self) -> str:
        """The version of Lance's format that its files have."""
        import lance

        options = storage_options(self._folder)
        told: str = lance.dataset(self.moments_uri, storage_options=options).data_storage_version
        return told

    def rename(self, folder: str, videos: Sequence[Video]) -> None:
        """In one commit: these rows instead of those of the folder or file with this key."""
        below = folder.rstrip(os.sep) + os.sep
        theirs = f"path = {_quoted(folder)} OR starts_with(path, {_quoted(below)})"
        with told_clearly(self._folder):
            (
                self._videos.merge_insert("path")
                .when_matched_update_all()
                .when_not_matched_insert_all()
                .when_not_matched_by_source_delete(theirs)
                .execute(_videos_table(videos))
            )

    def forget(self, paths: Iterable[str]) -> None:
        """Delete the rows of these keys; their moments go with ``drop_orphans``."""
        for condition in _conditions("path", (_quoted(path) for path in paths)):
            with told_clearly(self._folder):
                self._videos.delete(condition)

    def drop_orphans(self) -> int:
        """Delete moments and texts that no row of ``videos`` names; returns the number of takes.

        Only for a writer: between the two writes of a commit, moments are orphans too.
        """
        unnamed = np.setdiff1d(self.editions(), self._named("words")).tolist()
        for condition in _conditions("edition", map(str, unnamed)):
            with told_clearly(self._folder):
                self._texts.delete(condition)
        orphans = np.setdiff1d(self.takes(), self._named("take")).tolist()
        for condition in _conditions("take", map(str, orphans)):
            with told_clearly(self._folder):
                self._moments.delete(condition)
        return len(orphans)

    def _named(self, column: str) -> NDArray[np.int64]:
        """The distinct takes, or editions (``words``), that rows of ``videos`` name."""
        if column not in self._videos.schema.names:
            return np.empty(0, np.int64)  # of schema 1
        table = self._videos.search().select([column]).to_arrow()
        return np.unique(table.column(column).to_numpy())

    def drop_moments(self, size: int) -> None:
        """Delete all moments; those to come have vectors of ``size`` elements."""
        schema = moments_schema(size)
        with told_clearly(self._folder):
            self._moments = self._database.create_table("moments", schema=schema, mode="overwrite")

    def compact(self, kept: timedelta = KEPT, *, unfinished: bool = False) -> None:
        """Merge the small files of many commits, and drop versions no reader can still be using.

        Args:
            kept: versions younger than this stay.
            unfinished: drop the files of commits that never came about, too.
        """
        with told_clearly(self._folder):
            for table in (self._videos, self._moments, self._texts):
                table.optimize(cleanup_older_than=kept, delete_unverified=unfinished)


def _texts_table(editions: Mapping[int, Sequence[Text]]) -> pa.Table:
    numbered = [(edition, text) for edition, texts in editions.items() for text in texts]
    columns: dict[str, Any] = {"edition": [edition for edition, _ in numbered]}
    for name in TEXT_COLUMNS:
        columns[name] = [getattr(text, name) for _, text in numbered]
    return pa.table(columns, schema=TEXTS)


def _videos_table(rows: Sequence[Video]) -> pa.Table:
    columns = {name: [getattr(row, name) for row in rows] for name in COLUMNS}
    return pa.table(columns, schema=VIDEOS)


def moments_table(takes: Mapping[int, Sequence[Moment]], schema: pa.Schema) -> pa.Table:
    """The rows of takes for a table of this schema."""
    numbered = [(take, moment) for take, moments in takes.items() for moment in moments]
    vectors = np.stack([moment.vector for _, moment in numbered]).astype(np.float32)
    columns: dict[str, Any] = {"take": [take for take, _ in numbered]}
    for name in MEASURES:
        columns[name] = [getattr(moment, name) for _, moment in numbered]
    columns["vector"] = pa.FixedSizeListArray.from_arrays(
        pa.array(vectors.ravel()), schema.field("vector").type.list_size
    )
    return pa.table(columns, schema=schema)


def _as_moments(batch: pa.RecordBatch) -> Moments:
    there = set(batch.schema.names)
    columns = {name: batch.column(name).to_numpy() for name in MOMENT_COLUMNS if name in there}
    columns.setdefault("shot", np.zeros(len(batch), np.int32))
    vectors = batch.column("vector")
    flat = vectors.flatten().to_numpy()
    return Moments(**columns, vectors=flat.reshape(-1, vectors.type.list_size))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _conditions(column: str, values: Iterable[str]) -> Iterator[str]:
    remaining = iter(values)
    while some := list(islice(remaining, 500)):
        yield f"{column} IN ({', '.join(some)})"
