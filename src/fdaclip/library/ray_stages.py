"""What Ray's workers do with files: decode and mask, encode, write fragments of the table.

A record is a row (take, data): the number that the take is to have, and a pickled event. Every file
gives `Facts` (unless it cannot even be opened), a `Prepared` per window and one `Ended`; behind the
encoder a window is `Encoded`, behind the writer `Written`. Records of one file may overtake each
other. Each stage is a function of its input alone, so that what is lost with a worker can be done
again.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter, thread_time
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fdaclip.model.lanes import OnDevice, single_thread
from fdaclip.video.isolated import MEMORY_LIMIT, Finished, Result, work_isolated

from .making import Making
from .names import from_key
from .prepare import Facts, Prepare, Prepared

NO_PIXELS = np.empty((0, 4, 0, 0), np.uint8)
RECORD = pa.schema([pa.field("take", pa.int64()), pa.field("data", pa.large_binary())])


@dataclass(frozen=True)
class Ended:
    """No more will come of a file.

    Attributes:
        windows: that came. facts: did its `Facts` come?
        error: why no more will come, if that is not as it should be.
    """

    windows: int
    facts: bool
    error: str


@dataclass(frozen=True)
class Encoded:
    """A window without its pixels. vector: float32 [E]. frames: it had. seconds: encoding took."""

    window: Prepared
    vector: NDArray[np.float32]
    frames: int
    seconds: float


@dataclass(frozen=True)
class Written:
    """A window that is in a fragment, or has no finite vector. window: without picture."""

    window: Prepared
    finite: bool
    frames: int
    encode_s: float


@dataclass(frozen=True)
class Fragment:
    """A piece of the table of moments that lies in storage, and is not yet part of the table.

    Attributes:
        json: as Lance describes it. seconds: that writing took.
    """

    json: str
    seconds: float


Event = Facts | Prepared | Ended | Encoded | Written | Fragment


def records(events: Iterable[tuple[int, Event]]) -> pa.Table:
    """A table of them."""
    pairs = [(take, pickle.dumps(event, protocol=5)) for take, event in events]
    return pa.table([[take for take, _ in pairs], [data for _, data in pairs]], schema=RECORD)


def events(table: pa.Table) -> Iterator[tuple[int, Event]]:
    """What a table of records holds."""
    takes = table.column("take").to_pylist()
    for take, data in zip(takes, table.column("data"), strict=True):
        yield take, pickle.loads(data.as_buffer())


@dataclass(frozen=True)
class Decode:
    """Paths become events; a process of its own decodes, so that a codec costs one file at most."""

    work: Prepare
    time_limit: float

    def __call__(self, batch: pa.Table) -> Iterator[pa.Table]:
        """A table of (take, path), path as its key."""
        paths = [from_key(key) for key in batch.column("path").to_pylist()]
        take_of = dict(zip(paths, batch.column("take").to_pylist(), strict=True))
        windows, told = dict.fromkeys(paths, 0), set[str]()
        for event in work_isolated(
            self.work, paths, workers=1, time_limit=self.time_limit, memory_limit=MEMORY_LIMIT
        ):
            path = str(event.path)
            match event:
                case Result(value=Facts() as facts):
                    told.add(path)
                    yield records([(take_of[path], facts)])
                case Result(value=Prepared() as window):
                    windows[path] += 1
                    yield records([(take_of[path], window)])
                case Finished(error=error):
                    reason = error.reason if error else ""
                    ended = Ended(windows[path], path in told, reason)
                    yield records([(take_of[path], ended)])


class Encode:
    """Windows become vectors, by a model that is loaded once.

    Args:
        load: gives the encoder; see `engine_ray.encoder_for`.
    """

    def __init__(self, load: Any) -> None:
        self._encoder = load()
        device = getattr(getattr(self._encoder, "device", None), "type", "cpu")
        self._gpu = device not in ("cpu", "meta")
        self._encode = OnDevice(self._encoder) if self._gpu else self._encoder.encode_rgba

    def __call__(self, batch: pa.Table) -> pa.Table:
        """A table of records; those that are no windows are passed on."""
        single_thread()
        found = list(events(batch))
        windows = [event for _, event in found if isinstance(event, Prepared)]
        passed = iter(self._passes(windows))
        return records(
            (take, next(passed) if isinstance(event, Prepared) else event) for take, event in found
        )

    def _passes(self, windows: Sequence[Prepared]) -> list[Encoded]:
        """On a processor each window is a pass of its own, as everywhere."""
        done: list[Encoded] = []
        clock = perf_counter if self._gpu else thread_time
        size = max(1, len(windows)) if self._gpu else 1
        for first in range(0, len(windows), size):
            some = windows[first : first + size]
            began = clock()
            vectors = self._encode([window.rgba for window in some])
            seconds = (clock() - began) / len(some)
            for window, vector in zip(some, vectors, strict=True):
                light = replace(window, rgba=NO_PIXELS)
                done.append(Encoded(light, vector, len(window.rgba), seconds))
        return done


@dataclass(frozen=True)
class Write:
    """Encoded windows become a fragment of the table of moments, in place but not yet part of it.

    Attributes:
        uri: of the table. schema: of its rows. version: of its files' format.
        options: how its storage is reached, for Lance.
    """

    uri: str
    schema: pa.Schema
    version: str
    options: dict[str, str] | None

    def __call__(self, batch: pa.Table) -> pa.Table:
        """A table of records; those that are not encoded windows are passed on."""
        from .store import moments_table

        began = perf_counter()
        makings: dict[int, Making] = {}
        told: list[tuple[int, Event]] = []
        for take, event in events(batch):
            if isinstance(event, Encoded):
                making = makings.setdefault(take, Making(""))
                before = making.unusable
                making.add(event.window, event.vector)
                light = replace(event.window, thumbnail=None)
                finite = making.unusable == before
                event = Written(light, finite, event.frames, event.seconds)
            told.append((take, event))
        takes = {take: making.moments for take, making in makings.items() if making.moments}
        if takes:
            told += self._fragments(moments_table(takes, self.schema), began)
        return records(told)

    def _fragments(self, rows: pa.Table, began: float) -> Iterator[tuple[int, Event]]:
        import json

        from lance.fragment import write_fragments

        written = write_fragments(
            rows,
            self.uri,
            schema=self.schema,
            mode="append",
            data_storage_version=self.version,
            storage_options=self.options,
        )
        for one in written:
            yield 0, Fragment(json.dumps(one.to_json()), perf_counter() - began)
