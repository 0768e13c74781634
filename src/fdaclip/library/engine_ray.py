"""``add`` past one machine: the same stages as a Ray Data pipeline, over a cluster or this machine.

Files are hashed, then decoded and masked by tasks on processors, encoded by actors that hold the
model (on GPUs where the cluster has some), and written by tasks as fragments of the table of
moments. Nothing but the driver commits: fragments become part of the table all at once, then the
rows of ``videos`` that name their takes, by the same rule as everywhere (`store`). What is known
already is settled here, by `Ingest`, and rows are made by the same code.

Files go in rounds, and a round is committed at its end, or every half minute if it is long: a
driver that is killed loses that much and the videos under way. A worker that dies costs its tasks
only: Ray does them again. A file that crashes a decoder costs that file: decoding is isolated
within the task.

Files must have the same paths on all machines, and the library must lie where all can write: object
storage, or a file system that they share.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain, islice
from typing import Any

import numpy as np
import pyarrow as pa

from fdaclip.logs import Log
from fdaclip.model.encoder import Encoder
from fdaclip.model.lanes import BATCH, processors

from .content import content_hash
from .errors import LibraryError, NotInstalled
from .ingest import TIME_LIMIT, Ingest, Job
from .names import from_key
from .place import storage_options
from .prepare import Facts, Prepare
from .ray_stages import Decode, Encode, Ended, Event, Fragment, Write, Written, events
from .report import AddReport
from .rows import Moment
from .scan import Found, Scan
from .stamp import Stamp, settings_of

log = Log(__name__)
COMMIT_EVERY = 30.0  # s between commits within a round
ROUND = 2048  # files
ROUND_BYTES = 64 << 30
HASHED = 512  # files hashed at a time
FILES_A_TASK = 8  # share the start of a decoding process
BLOCK = 16 << 20  # bytes between two stages at a time: about 7 windows
ROWS = 128  # of a fragment; a window counts as done when it is in one, and compaction joins them
PATIENCE = 10.0  # s to connect to a cluster
ENCODE_CPUS, WRITE_CPUS = 0.9, 0.1  # of a processor; with a decoder they make two
GOOD, BAD = np.zeros(0, np.float32), np.full(1, np.nan, np.float32)  # vectors stay with the workers


@dataclass(frozen=True)
class ByName:
    """Loads an encoder on a worker.

    Attributes:
        name: of the model, which must be on every machine that encodes.
        runtime, precision: that all use. settings: as the library's stamp says.
        fingerprint: that it must have.
    """

    name: str
    runtime: Any
    precision: Any
    settings: Any
    fingerprint: str

    def __call__(self) -> Encoder:
        from fdaclip.model import load_encoder

        encoder = load_encoder(
            self.name, runtime=self.runtime, precision=self.precision, **self.settings
        )
        if encoder.fingerprint != self.fingerprint:
            raise LibraryError(
                f"the model {self.name} is another one on this worker",
                "every machine needs the same model under that name",
            )
        return encoder


@dataclass(frozen=True)
class AsItIs:
    """An encoder that is sent to the workers."""

    encoder: Encoder

    def __call__(self) -> Encoder:
        return self.encoder


def encoder_for(encoder: Encoder, stamp: Stamp) -> Callable[[], Encoder]:
    """How workers come by it: one of ours by its name, one of somebody's own as it is."""
    if not stamp.model or not type(encoder).__module__.startswith("fdaclip."):
        return AsItIs(encoder)
    settings = settings_of(stamp)
    return ByName(stamp.model, encoder.runtime, encoder.precision, settings, stamp.fingerprint)


class RayIngest(Ingest):
    """One run of ``add`` on Ray.

    Args:
        stamp: of the library. place: where it lies.
        address: of a cluster (``auto``, ``HOST:6379``, ``ray://HOST:10001``); None for this machine
            alone. Where Ray runs in this process already, that is used.
        others: as of `Ingest`; ``processes`` are the processors to use here, without a cluster.
    """

    def __init__(self, *given: Any, stamp: Stamp, place: Any, address: str | None, **others: Any):
        super().__init__(*given, **others)
        self._stamp, self._place, self._address = stamp, place, address
        self._fragments: list[str] = []
        self._left = Counter[int]()  # events of a take that are to come; below 0 until it ended
        self._cluster: Any = None

    def run(self, scan: Scan) -> AddReport:
        """As `Ingest.run`.

        Raises:
            LibraryError: the cluster cannot be reached, or its workers cannot do it.
            NotInstalled: Ray is not.
        """
        with started(self._address, self._processes) as ray:
            self._cluster = ray
            try:
                report = super().run(scan)
            except ray.exceptions.RayError as error:
                self._commit()
                raise LibraryError(
                    f"the run on Ray ended: {_first_words(error)}",
                    "what was committed is kept; run the same command again for the rest",
                ) from error
        report.utilisation = 0.0  # its processors are not ours to measure
        return report

    # --- the stages ------------------------------------------------------------------------------

    def _hashed(self, files: list[Found]) -> Iterator[tuple[Found, Future[str]]]:
        """Each file with its content's hash, computed where there is room."""
        remaining = iter(files)
        while some := list(islice(remaining, HASHED)):
            paths = self._cluster.data.from_items(
                [{"path": found.key} for found in some],
                override_num_blocks=min(len(some), 4 * self._count),
            )
            rows = paths.map_batches(_hash, batch_size=None, batch_format="pyarrow").take_all()
            told = {row["path"]: (row["content"], row["errno"]) for row in rows}
            for found in some:
                content, errno = told[found.key]
                hashed = Future[str]()
                if content:
                    hashed.set_result(content)
                else:
                    hashed.set_exception(OSError(errno, os.strerror(errno)))
                yield found, hashed

    def _decode_and_encode(self, first: str, others: Iterator[str]) -> None:
        encoder = self._begin()
        prepare = self._work(encoder)
        paths = chain([first], others)
        while some := self._round(paths):
            self._do(some, prepare, encoder)
            self._commit()
            if self._interrupts.asked:
                return

    def _round(self, paths: Iterator[str]) -> list[Job]:
        """The next files to decode."""
        some: list[Job] = []
        size = 0
        while len(some) < ROUND and size < ROUND_BYTES:
            path = self._interrupts.unless_asked(lambda: next(paths, None))
            if path is None:
                break
            some.append(self._decoding[path])
            size += some[-1].files[0].size
        return [] if self._interrupts.asked else some

    def _do(self, some: list[Job], prepare: Prepare, encoder: Encoder) -> None:
        rows = self._pipeline(some, prepare, encoder).iter_batches(
            batch_size=None, batch_format="pyarrow", prefetch_batches=1
        )
        by_take = {job.making.take: job for job in some}
        reading = iter(rows)
        while (batch := self._interrupts.unless_asked(lambda: next(reading, None))) is not None:
            for take, event in events(batch):
                self._take(by_take.get(take), event)
            # a window's fragment comes with it: what is finished now is there to be committed
            for take in [take for take, job in by_take.items() if self._is_whole(job)]:
                job = by_take.pop(take)
                self._finish(job)
            if time.monotonic() - self._committed > COMMIT_EVERY:
                self._commit()
            self._tell()

    def _pipeline(self, some: list[Job], prepare: Prepare, encoder: Encoder) -> Any:
        """A dataset of records."""
        ray = self._cluster
        there = _resources(ray)
        gpus, cpus = int(there.get("GPU", 0)), max(1, int(there.get("CPU", 1)))
        self._count = cpus
        tasks = max(min(len(some), 4 * cpus), -(-len(some) // FILES_A_TASK))
        items = [{"take": job.making.take, "path": job.files[0].key} for job in some]
        write = Write(
            uri=self._store.moments_uri,
            schema=self._store.moments_schema,
            version=self._store.data_version,
            options=storage_options(self._place),
        )
        options: dict[str, Any] = {"batch_format": "pyarrow"}
        return (
            ray.data.from_items(items, override_num_blocks=tasks)
            .map_batches(Decode(prepare, TIME_LIMIT), batch_size=None, num_cpus=1, **options)
            .map_batches(
                Encode,
                fn_constructor_args=(encoder_for(encoder, self._stamp),),
                batch_size=BATCH if gpus else 8,
                num_gpus=1 if gpus else 0,
                num_cpus=1 if gpus else ENCODE_CPUS,
                concurrency=gpus or (1, max(1, cpus // 2)),
                **options,
            )
            .map_batches(write, batch_size=ROWS, num_cpus=WRITE_CPUS, **options)
        )

    def _is_whole(self, job: Job) -> bool:
        return job.ended and not self._left.get(job.making.take)

    def _take(self, job: Job | None, event: Event) -> None:
        """Note what a worker tells."""
        match event:
            case Fragment():
                self._fragments.append(event.json)
                self.report.stages["write"] += event.seconds
            case Facts() if job:
                job.making.facts = event
                self._left[job.making.take] -= 1
            case Written() if job:
                job.seen += 1
                self._left[job.making.take] -= 1
                job.making.frames += event.frames
                job.making.add(event.window, GOOD if event.finite else BAD)
                self.report.stages["decode"] += event.window.decode_s
                self.report.stages["mask"] += event.window.mask_s
                self.report.stages["encode"] += event.encode_s
            case Ended() if job:
                job.ended = True
                job.making.error = event.error
                self._left[job.making.take] += event.windows + event.facts

    # --- writing ---------------------------------------------------------------------------------

    def _keep(self, take: int, moments: list[Moment]) -> None:
        """The workers have written them."""

    def _commit(self) -> None:
        """First the fragments, then the rows that name their takes."""
        if self._fragments:
            began = time.monotonic()
            self._store.append(self._fragments)
            self._fragments = []
            self.report.stages["write"] += time.monotonic() - began
        super()._commit()


@contextmanager
def started(address: str | None, processors_here: int | None) -> Iterator[Any]:
    """Ray, connected; ended afterwards if it was not running in this process before.

    Raises:
        NotInstalled: it is not. LibraryError: there is no cluster at that address.
    """
    for package in ("ray", "lance", "pandas"):  # lance is not to be imported before Ray starts
        if find_spec(package) is None:
            raise NotInstalled(
                f"the engine ray needs {package}, which is not installed",
                "pip install 'fdaclip[ray]'",
            )
    import ray
    import ray.data
    import ray.exceptions

    ours = not ray.is_initialized()
    if ours:
        if address:
            _must_answer(address)
        handler = signal.getsignal(signal.SIGTERM)
        here: Any = {} if address else {"num_cpus": max(2, processors_here or processors())}
        try:
            ray.init(
                address=address,
                include_dashboard=None if address else False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                **here,
            )
        except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
            raise LibraryError(
                f"no Ray cluster answers at {address}: {_first_words(error)}"
                if address
                else f"Ray does not start here: {_first_words(error)}",
                "check --address; `ray status` on one of its machines tells its state",
            ) from error
        if signal.getsignal(signal.SIGTERM) is not handler:
            signal.signal(signal.SIGTERM, handler)  # interrupts are ours
    context = ray.data.DataContext.get_current()
    before = context.copy()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.target_max_block_size = BLOCK
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    log.info("ray", address=address, resources=str(_resources(ray)))
    try:
        yield ray
    finally:
        if ours:
            ray.shutdown()
        else:
            ray.data.DataContext._set_current(before)


def _must_answer(address: str) -> None:
    """Ray itself waits for minutes.

    Raises:
        LibraryError: nobody listens at HOST:PORT.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return  # such as ``auto``
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE).close()
    except OSError as error:
        raise LibraryError(
            f"no Ray cluster answers at {address}: {(error.strerror or str(error)).lower()}",
            "check --address; `ray status` on one of its machines tells its state",
        ) from error


def _resources(ray: Any) -> dict[str, float]:
    """Of the cluster: CPU, GPU, …"""
    there: dict[str, float] = ray.cluster_resources()
    return there


def _hash(batch: pa.Table) -> pa.Table:
    """On a worker: paths (keys) with the hashes of their contents, or the number of an error."""
    keys = batch.column("path").to_pylist()
    contents, numbers = list[str](), list[int]()
    for key in keys:
        try:
            contents.append(content_hash(from_key(key)))
            numbers.append(0)
        except OSError as error:
            contents.append("")
            numbers.append(error.errno or 5)
    return pa.table({"path": keys, "content": contents, "errno": numbers})


def _first_words(error: BaseException) -> str:
    """What is at the bottom of it, in a line."""
    cause: BaseException = error
    while (deeper := getattr(cause, "cause", None) or cause.__cause__) and deeper is not cause:
        cause = deeper
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    text = lines[-1] if lines else type(cause).__name__
    return text[:300]
