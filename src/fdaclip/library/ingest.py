"""From files that were found to rows in the store: one run of ``add``.

Hashing runs ahead in threads, decoding and masks in worker processes, encoding and writing here.
Windows of several videos share a batch. A video is finished when all its windows are encoded;
finished videos are written every couple of seconds, so a kill loses no more than that and what is
in flight.
"""

# Paths are strings here: os loses none of their bytes.
# ruff: noqa: PTH116

from __future__ import annotations

import os
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np

from fdaclip.model.encoder import Encoder
from fdaclip.video.isolated import Finished, Result, work_isolated

from .content import content_hash
from .interrupt import Interrupts
from .names import from_key
from .prepare import Facts, Prepare, Prepared
from .report import AddReport, Failure, Progress
from .scan import Found, Scan
from .store import Moment, State, Store, Video

BATCH = 8  # windows encoded together
TIME_LIMIT = 60.0  # s without a window after which a file is given up
COMMIT_EVERY = 2.0  # s between commits
HASHED_AHEAD = 8  # files hashed before a worker is free for them
Event = Result[Facts | Prepared] | Finished

NOTHING = "none of its frames could be decoded"
GONE = "it vanished while it was being indexed"


@dataclass
class Job:
    """One content on its way, and the files that wait for it (the first one is decoded)."""

    files: list[Found]
    content: str
    facts: Facts | None = None
    moments: list[Moment] = field(default_factory=list)
    queued: int = 0  # windows in the batch
    seen: int = 0  # windows received
    frames: int = 0  # of them, together
    unusable: int = 0  # windows whose vector is not finite
    ended: bool = False
    error: str = ""

    @property
    def lost(self) -> int:
        """Frames that were wanted and never came."""
        return self.facts.wanted - self.frames if self.facts else 0

    @property
    def reason(self) -> str:
        """Why its take is not whole, or there is none; empty if all is well."""
        if self.error:
            return self.error
        if self.unusable:
            return f"the model gave no finite vector for {self.unusable} of its windows"
        if self.lost:
            return f"{self.lost} of its frames could not be decoded"
        return "" if self.moments else NOTHING


class Ingest:
    """The state of one run; ``run`` does it all and ``report`` tells."""

    def __init__(
        self,
        store: Store,
        encoder: Callable[[], Encoder],
        *,
        window: float,
        processes: int,
        retry: bool,
        progress: Callable[[Progress], None] | None,
        interrupts: Interrupts,
    ) -> None:
        self._store, self._load_encoder = store, encoder
        self._window, self._processes, self._retry = window, processes, retry
        self._progress, self._interrupts = progress, interrupts
        self._known = {video.path: video for video in store.videos()}
        self._by_content: dict[str, list[Video]] = {}
        for video in self._known.values():
            self._by_content.setdefault(video.content, []).append(video)
        self._by_content.pop("", None)
        self._jobs: dict[str, Job] = {}  # by content
        self._decoding: dict[str, Job] = {}  # the same by the path that is decoded
        self._decoded: set[str] = set()  # contents finished in this run
        self._batch: list[tuple[Job, Prepared]] = []
        self._rows: list[Video] = []  # finished, to be committed
        self._takes: dict[int, list[Moment]] = {}
        self._forget: set[str] = set()
        self._began = self._committed = time.monotonic()
        self._bytes = self._bytes_done = 0
        self._done = 0
        self.report = AddReport()

    # --- the run ---------------------------------------------------------------------------------

    def run(self, scan: Scan) -> AddReport:
        """Index what is new or changed; writes whatever is finished, also when stopped."""
        self.report.found = len(scan.files)
        self.report.bad += [Failure(path, reason) for path, reason in scan.failures]
        self._bytes = sum(found.size for found in scan.files)
        waiting = [found for found in scan.files if not self._unchanged(found)]
        paths = self._to_decode(waiting)
        first = self._interrupts.unless_asked(lambda: next(paths, None))
        if first is not None:
            self._decode_and_encode(first, paths)
        self._mark_missing(scan)
        self._commit()
        if self._forget:
            self._store.forget(self._forget)
        self._store.drop_orphans()
        self.report.interrupted = self._interrupts.asked
        self.report.elapsed = time.monotonic() - self._began
        self._tell()
        return self.report

    def _decode_and_encode(self, first: str, others: Iterator[str]) -> None:
        encoder = self._load_encoder()
        work = Prepare(encoder.sampling, encoder.motion, encoder.preprocess, self._window)
        events = work_isolated(
            work, chain([first], others), workers=self._processes, time_limit=TIME_LIMIT
        )
        while (event := self._next(events)) is not None:
            self._receive(event)
            if len(self._batch) >= BATCH:
                self._encode(encoder)
            if time.monotonic() - self._committed > COMMIT_EVERY:
                self._commit()
            self._tell()
        del events  # ends the workers
        self._encode(encoder)

    def _next(self, events: Iterator[Event]) -> Event | None:
        """What a worker has to say; None when all is said, or the run is interrupted.

        The paths are drawn in here too, so files are hashed and known ones settled meanwhile.
        """
        return self._interrupts.unless_asked(lambda: next(events, None))

    # --- what is known already -------------------------------------------------------------------

    def _mark_missing(self, scan: Scan) -> None:
        """Known files below the roots that are gone; marked, not forgotten: they may come back."""
        found = {file.key for file in scan.files}
        for video in self._known.values():
            if not video.present or video.path in found or video.path in self._forget:
                continue
            path = from_key(video.path)
            below = any(path == root or path.startswith(_as_folder(root)) for root in scan.roots)
            if below and is_gone(path):
                self._rows.append(replace(video, present=False))
                self.report.missing += 1

    def _unchanged(self, found: Found) -> bool:
        video = self._known.get(found.key)
        if (
            video is None
            or not video.content
            or (video.size, video.mtime_ns) != (found.size, found.mtime_ns)
            or (self._retry and video.state != "ok")
        ):
            return False
        if not video.present:
            self._rows.append(replace(video, present=True))
        self.report.unchanged += 1
        self.report.known_bad += video.state == "bad"
        self._finish_file(found)
        return True

    def _to_decode(self, files: list[Found]) -> Iterator[str]:
        """The paths whose content is new; the others are settled on the way."""
        for found, hashed in ahead(files, lambda found: content_hash(found.path)):
            try:
                content = hashed.result()
            except OSError as error:
                self._unreadable(found, error)
                continue
            if content in self._jobs:
                self._jobs[content].files.append(found)
                continue
            twin = next(iter(self._by_content.get(content, ())), None)
            again = self._retry and content not in self._decoded
            if twin and not (again and twin.state != "ok"):
                self._adopt(found, twin)
                continue
            self._jobs[content] = self._decoding[found.path] = Job([found], content)
            yield found.path

    def _unreadable(self, found: Found, error: OSError) -> None:
        if is_gone(found.path):
            self._vanished(found)
        else:
            reason = f"cannot be read: {(error.strerror or str(error)).lower()}"
            self._settle(found, Video(found.key, found.size, found.mtime_ns, "", 0, "bad", reason))

    def _vanished(self, found: Found) -> None:
        video = self._known.get(found.key)
        if video:
            self._rows.append(replace(video, present=False))
        self.report.bad.append(Failure(found.path, GONE))
        self._finish_file(found)

    def _adopt(self, found: Found, twin: Video) -> None:
        """The content is known: touched, moved here, or a copy."""
        before = self._known.get(found.key)
        touched = before is not None and before.content == twin.content
        gone = [video for video in self._by_content[twin.content] if is_gone(from_key(video.path))]
        moved = bool(gone) and not touched
        if touched:
            self.report.touched += 1
        elif moved:
            self.report.moved += 1
            self._by_content[twin.content].remove(gone[0])
        else:
            self.report.duplicates += 1
        self._settle(
            found,
            replace(twin, path=found.key, size=found.size, mtime_ns=found.mtime_ns, present=True),
        )
        if moved:
            self._forget.add(gone[0].path)

    # --- what is new -----------------------------------------------------------------------------

    def _receive(self, event: Event) -> None:
        """Note a file's facts, put a window into the batch, or note that no more will come."""
        job = self._decoding[str(event.path)]
        match event:
            case Result(value=Facts() as facts):
                job.facts = facts
            case Result(value=Prepared() as window):
                job.seen += 1
                job.queued += 1
                job.frames += len(window.rgba)
                self._batch.append((job, window))
            case Finished(error=error):
                job.ended = True
                job.error = error.reason if error else ""
                if not job.queued:
                    self._finish(job)

    def _encode(self, encoder: Encoder) -> None:
        """Encode the windows that wait, and finish the videos that have all of theirs."""
        if not self._batch:
            return
        vectors = encoder.encode_rgba([window.rgba for _, window in self._batch])  # [B,E]
        for (job, window), vector in zip(self._batch, vectors, strict=True):
            job.queued -= 1
            if not np.isfinite(vector).all():
                job.unusable += 1
                continue
            job.moments.append(
                Moment(window.start, window.end, vector, window.energy, window.share, window.moving)
            )
        jobs = {id(job): job for job, _ in self._batch}
        self._batch = []
        for job in jobs.values():
            if job.ended and not job.queued:
                self._finish(job)

    def _finish(self, job: Job) -> None:
        """All there will ever be of this content is encoded: its rows can be written."""
        del self._jobs[job.content], self._decoding[job.files[0].path]
        self._decoded.add(job.content)
        first = job.files[0]
        if not job.moments and is_gone(first.path):
            self._vanished(first)
            for found in job.files[1:]:
                self._unreadable(found, OSError(GONE))
            return
        take = secrets.randbits(62) + 1 if job.moments else 0
        state: State = "bad" if not job.moments else "partial" if job.reason else "ok"
        video = Video(
            path=first.key,
            size=first.size,
            mtime_ns=first.mtime_ns,
            content=job.content,
            take=take,
            state=state,
            reason=job.reason,
            moments=len(job.moments),
            lost=job.lost,
            indexed=time.time(),
        )
        if job.facts:
            facts = job.facts
            video = replace(
                video,
                duration=facts.duration,
                width=facts.width,
                height=facts.height,
                fps=facts.fps,
                codec=facts.codec,
            )
            self.report.seconds += facts.duration
        if take:
            self._takes[take] = job.moments
            self.report.moments += len(job.moments)
        self.report.encoded += bool(take)
        self.report.duplicates += len(job.files) - 1
        for found in job.files:
            self._settle(
                found, replace(video, path=found.key, size=found.size, mtime_ns=found.mtime_ns)
            )

    # --- writing and telling ---------------------------------------------------------------------

    def _settle(self, found: Found, video: Video) -> None:
        """This is what will be known of the file."""
        self._rows.append(video)
        self._known[video.path] = video
        if video.content:
            self._by_content.setdefault(video.content, []).insert(0, video)
        if video.state != "ok":
            failures = self.report.bad if video.state == "bad" else self.report.partial
            failures.append(Failure(found.path, video.reason))
        self._finish_file(found)

    def _finish_file(self, found: Found) -> None:
        self._done += 1
        self._bytes_done += found.size

    def _commit(self) -> None:
        self._store.commit(self._takes, self._rows)
        self._takes, self._rows = {}, []
        self._committed = time.monotonic()

    def _tell(self) -> None:
        if self._progress is None:
            return
        under_way = sum(
            job.files[0].size * (job.seen - job.queued) / max(job.facts.windows, 1)
            for job in self._jobs.values()
            if job.facts
        )
        seconds = sum(
            moment.end - moment.start for job in self._jobs.values() for moment in job.moments
        )
        self._progress(
            Progress(
                files=self.report.found,
                done=self._done,
                bad=len(self.report.bad),
                share=(self._bytes_done + under_way) / self._bytes if self._bytes else 1.0,
                seconds=self.report.seconds + seconds,
                elapsed=time.monotonic() - self._began,
            )
        )


def ahead(
    files: Iterable[Found], function: Callable[[Found], str]
) -> Iterator[tuple[Found, Future[str]]]:
    """Each file with the result of ``function``, computed by two threads a few files ahead."""
    pool, started = ThreadPoolExecutor(2), deque[tuple[Found, Future[str]]]()
    try:
        for found in files:
            started.append((found, pool.submit(function, found)))
            if len(started) > HASHED_AHEAD:
                yield started.popleft()
        yield from started
    finally:
        pool.shutdown(cancel_futures=True)


def is_gone(path: str) -> bool:
    """Certainly not there; a folder that must not be looked into is no such certainty."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _as_folder(path: str) -> str:
    return path.rstrip(os.sep) + os.sep
