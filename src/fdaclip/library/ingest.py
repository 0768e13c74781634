"""From files that were found to rows in the store: one run of ``add``.

Hashing runs ahead in threads, decoding and masks in worker processes, encoding in lanes (threads),
writing here; all of it side by side. What is between two stages is bounded: a worker holds one
window and waits until it is taken, and none is taken while the lanes hold two each. A video is
finished when all its windows are encoded; finished videos are written every couple of seconds, so a
kill loses no more than that and what is in flight.
"""

# Paths are strings here: os loses none of their bytes.

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from fdaclip.logs import Log
from fdaclip.model.encoder import Encoder
from fdaclip.model.lanes import Lanes, processors
from fdaclip.video.isolated import MEMORY_LIMIT, Finished, Result, work_isolated

from .content import content_hash
from .interrupt import Interrupts
from .making import Making
from .names import from_key, whereabouts
from .prepare import Facts, Looking, Prepare, Prepared
from .report import AddReport, Failure, Progress
from .rows import Moment, Video
from .scan import Found, Scan
from .store import Store

TIME_LIMIT = 60.0  # s without a window after which a file is given up
log = Log(__name__)
COMMIT_EVERY = 2.0  # s between commits
HASHED_AHEAD = 8  # files hashed before a worker is free for them
NO_PIXELS = np.empty((0, 4, 0, 0), np.uint8)
Event = Result[Looking | Facts | Prepared] | Finished

GONE = "it vanished while it was being indexed"


@dataclass
class Job:
    """One content on its way, and the files that wait for it (the first one is decoded)."""

    files: list[Found]
    making: Making
    queued: int = 0  # windows in the lanes
    seen: int = 0  # windows received
    ended: bool = False


class Ingest:
    """The state of one run; ``run`` does it all and ``report`` tells."""

    def __init__(
        self,
        store: Store,
        encoder: Callable[[], Encoder],
        *,
        window: float,
        shots: bool,
        processes: int,
        lanes: int,
        retry: bool,
        progress: Callable[[Progress], None] | None,
        interrupts: Interrupts,
    ) -> None:
        self._store, self._load_encoder = store, encoder
        self._window, self._shots, self._processes, self._count = window, shots, processes, lanes
        self._retry = retry
        self._progress, self._interrupts = progress, interrupts
        self._known = {video.path: video for video in store.videos()}
        self._by_content: dict[str, list[Video]] = {}
        for video in self._known.values():
            self._by_content.setdefault(video.content, []).append(video)
        self._by_content.pop("", None)
        self._jobs: dict[str, Job] = {}  # by content
        self._decoding: dict[str, Job] = {}  # the same by the path that is decoded
        self._decoded: set[str] = set()  # contents finished in this run
        self._rows: list[Video] = []  # finished, to be committed
        self._takes: dict[int, list[Moment]] = {}
        self._forget: set[str] = set()
        self._began = self._committed = time.monotonic()
        self._bytes = self._bytes_done = 0
        self._done = 0
        self._before = 0.0, 0.0  # s and share of the work when decoding began
        self.report = AddReport()

    # --- the run ---------------------------------------------------------------------------------

    def run(self, scan: Scan) -> AddReport:
        """Index what is new or changed; writes whatever is finished, also when stopped."""
        used, before = _processor_time(), self._store.version
        self.report.found = len(scan.files)
        self.report.bad += [Failure(path, reason) for path, reason in scan.failures]
        self._bytes = sum(found.size for found in scan.files)
        log.info("indexing", files=len(scan.files), bytes=self._bytes)
        waiting = [found for found in scan.files if not self._unchanged(found)]
        # the largest first, lest one of them is left at the end for one processor alone
        waiting.sort(key=lambda found: -found.size)
        paths = self._to_decode(waiting)
        first = self._interrupts.unless_asked(lambda: next(paths, None))
        self._tell()  # the model may take a while to load
        if first is not None:
            self._decode_and_encode(first, paths)
        self._mark_missing(scan)
        self._commit()
        if self._forget:
            self._store.forget(self._forget)
        if self._store.version != before:
            self._store.drop_orphans()
        self.report.interrupted = self._interrupts.asked
        self.report.elapsed = time.monotonic() - self._began
        if self.report.stages["decode"]:
            here = self.report.elapsed * processors()
            self.report.utilisation = (_processor_time() - used) / max(here, 1e-9)
        self._tell()
        report = self.report
        log.info(
            "interrupted" if report.interrupted else "indexed",
            found=report.found,
            unchanged=report.unchanged,
            encoded=report.encoded,
            moved=report.moved,
            missing=report.missing,
            offline=report.offline,
            bad=len(report.bad),
            partial=len(report.partial),
            moments=report.moments,
            elapsed=round(report.elapsed, 3),
        )
        return report

    def _begin(self) -> Encoder:
        """The model, loaded: from now on it is decoding that takes time."""
        encoder = self._load_encoder()
        self._before = time.monotonic() - self._began, self._share()
        return encoder

    def _decode_and_encode(self, first: str, others: Iterator[str]) -> None:
        encoder = self._begin()
        events = work_isolated(
            self._work(encoder),
            chain([first], others),
            workers=self._processes,
            time_limit=TIME_LIMIT,
            memory_limit=MEMORY_LIMIT,
        )
        lanes: Lanes[tuple[Job, Prepared]] = Lanes(encoder, self._count)
        try:
            while (event := self._next(events)) is not None:
                self._receive(event, lanes)
                self._encoded(lanes.collect())
                while lanes.full and not self._interrupts.asked:
                    self._interrupts.unless_asked(lanes.wait)
                    self._encoded(lanes.collect())
                if time.monotonic() - self._committed > COMMIT_EVERY:
                    self._commit()
                self._tell()
            del events  # ends the workers
            self._encoded(lanes.rest())
        finally:
            lanes.close()
            self.report.stages["encode"] += lanes.seconds

    def _work(self, encoder: Encoder) -> Prepare:
        """What is done with a file before it is encoded."""
        ways = encoder.sampling, encoder.motion, encoder.preprocess
        return Prepare(*ways, window=self._window, shots=self._shots)

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
            place = whereabouts(path, video.mount) if below else "here"
            if place == "gone":
                self._rows.append(replace(video, present=False))
                self.report.missing += 1
            self.report.offline += place == "offline"

    def _unchanged(self, found: Found) -> bool:
        video = self._known.get(found.key)
        if (
            video is None
            or not video.content
            or (video.size, video.mtime_ns) != (found.size, found.mtime_ns)
            or (self._retry and video.state != "ok")
        ):
            return False
        if not video.present or not video.mount:  # is back; or of schema 1
            self._rows.append(replace(video, present=True, mount=found.mount))
        self.report.unchanged += 1
        self.report.known_bad += video.state == "bad"
        self._finish_file(found)
        return True

    def _to_decode(self, files: list[Found]) -> Iterator[str]:
        """The paths whose content is new; the others are settled on the way."""
        for found, hashed in self._hashed(files):
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
            self._jobs[content] = self._decoding[found.path] = Job([found], Making(content))
            yield found.path

    def _hashed(self, files: list[Found]) -> Iterator[tuple[Found, Future[str]]]:
        """Each file with the hash of its content."""
        return ahead(files, lambda found: content_hash(found.path))

    def _unreadable(self, found: Found, error: OSError) -> None:
        if whereabouts(found.path, self._mount(found)) != "here":
            self._vanished(found)
        else:
            reason = f"cannot be read: {(error.strerror or str(error)).lower()}"
            facts = found.key, found.size, found.mtime_ns
            self._settle(found, Video(*facts, "", 0, "bad", reason, mount=found.mount))

    def _vanished(self, found: Found) -> None:
        video = self._known.get(found.key)
        if video and whereabouts(found.path, video.mount) == "gone":  # not if its disk went
            self._rows.append(replace(video, present=False))
        self.report.bad.append(Failure(found.path, GONE))
        self._finish_file(found)

    def _mount(self, found: Found) -> str:
        """The mount point it was known to lie on; empty if it is new."""
        video = self._known.get(found.key)
        return video.mount if video else ""

    def _adopt(self, found: Found, twin: Video) -> None:
        """The content is known: touched, moved here, or a copy."""
        before = self._known.get(found.key)
        touched = before is not None and before.content == twin.content
        gone = [
            video
            for video in self._by_content[twin.content]
            if whereabouts(from_key(video.path), video.mount) == "gone"
        ]
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
            replace(
                twin,
                path=found.key,
                size=found.size,
                mtime_ns=found.mtime_ns,
                mount=found.mount,
                present=True,
            ),
        )
        if moved:
            self._forget.add(gone[0].path)

    # --- what is new -----------------------------------------------------------------------------

    def _receive(self, event: Event, lanes: Lanes[tuple[Job, Prepared]]) -> None:
        """Note a file's facts, put a window into a lane, or note that no more will come."""
        job = self._decoding[str(event.path)]
        match event:
            case Result(value=Facts() as facts):
                job.making.facts = facts
                self.report.stages["shots"] += facts.shots_s
            case Result(value=Prepared() as window):
                job.seen += 1
                job.queued += 1
                job.making.frames += len(window.rgba)
                self.report.stages["decode"] += window.decode_s
                self.report.stages["mask"] += window.mask_s
                lanes.submit((job, replace(window, rgba=NO_PIXELS)), window.rgba)
            case Finished(error=error):
                job.ended = True
                job.making.error = error.reason if error else ""
                if not job.queued:
                    self._finish(job)

    def _encoded(self, done: Iterable[tuple[tuple[Job, Prepared], NDArray[np.float32]]]) -> None:
        """Note the vectors of windows, and finish the videos that have all of theirs."""
        for (job, window), vector in done:
            job.queued -= 1
            job.making.add(window, vector)
            if job.ended and not job.queued:
                self._finish(job)

    def _finish(self, job: Job) -> None:
        """All there will ever be of this content is encoded: its rows can be written."""
        making, first = job.making, job.files[0]
        del self._jobs[making.content], self._decoding[first.path]
        self._decoded.add(making.content)
        # what is half read of a file that went, or whose disk did, is no damaged file
        if making.reason and whereabouts(first.path, self._mount(first)) != "here":
            self._vanished(first)
            for found in job.files[1:]:
                self._unreadable(found, OSError(GONE))
            return
        videos, moments = making.rows(job.files)
        if moments:
            self._keep(videos[0].take, moments)
        self.report.moments += len(moments)
        self.report.encoded += bool(moments)
        self.report.seconds += videos[0].duration
        self.report.duplicates += len(job.files) - 1
        for found, video in zip(job.files, videos, strict=True):
            self._settle(found, video)

    def _keep(self, take: int, moments: list[Moment]) -> None:
        """They are to be written before the rows of their files."""
        self._takes[take] = moments

    # --- writing and telling ---------------------------------------------------------------------

    def _settle(self, found: Found, video: Video) -> None:
        """This is what will be known of the file."""
        self._rows.append(video)
        self._known[video.path] = video
        if video.content:
            others = self._by_content.get(video.content, ())
            self._by_content[video.content] = [video, *others]
        if video.state != "ok":
            failures = self.report.bad if video.state == "bad" else self.report.partial
            failures.append(Failure(found.path, video.reason))
            log.warning(video.state, path=video.path, reason=video.reason)
        self._finish_file(found)

    def _finish_file(self, found: Found) -> None:
        self._done += 1
        self._bytes_done += found.size

    def _commit(self) -> None:
        began = time.monotonic()
        self._store.commit(self._takes, self._rows)
        if self._rows:
            moments = sum(map(len, self._takes.values()))
            log.info("committed", files=len(self._rows), moments=moments)
        self._takes, self._rows = {}, []
        self._committed = time.monotonic()
        self.report.stages["write"] += self._committed - began

    def _tell(self) -> None:
        if self._progress is None:
            return
        before, share_before = self._before
        seconds = sum(
            moment.end - moment.start
            for job in self._jobs.values()
            for moment in job.making.moments
        )
        self._progress(
            Progress(
                files=self.report.found,
                done=self._done,
                bad=len(self.report.bad),
                share=self._share(),
                seconds=self.report.seconds + seconds,
                elapsed=time.monotonic() - self._began,
                current=next(iter(self._decoding), ""),
                before=before,
                share_before=share_before,
            )
        )

    def _share(self) -> float:
        """Of the work that is done, by bytes."""
        under_way = sum(
            job.files[0].size * (job.seen - job.queued) / max(job.making.facts.windows, 1)
            for job in self._jobs.values()
            if job.making.facts
        )
        return (self._bytes_done + under_way) / self._bytes if self._bytes else 1.0


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


def _processor_time() -> float:
    """Seconds that this process and its children that have ended have computed."""
    return sum(os.times()[:4])


def _as_folder(path: str) -> str:
    return path.rstrip(os.sep) + os.sep
