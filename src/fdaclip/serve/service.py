"""The running state of a server: the library, the threads that ask it, what is kept in memory.

A `Library` is for one thread at a time, so there are three of the same: one answers searches, many
at once; one tells facts (files, thumbnails), which must not wait for searches; one does what takes
long (clips that are sent, pictures of why something matched), for which neither must wait.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fdaclip.library import Hit, Library, LibraryError, Page, Status
from fdaclip.library.ask import Ask
from fdaclip.library.names import from_key
from fdaclip.library.rows import Moments, Video
from fdaclip.logs import Log

from .catalogue import Catalogue
from .guard import Refused
from .ids import Stretch, parsed
from .jobs import Jobs
from .kept import Kept
from .limits import Limits
from .load import Desk, Together, give_way
from .media import open_checked
from .metrics import Metrics
from .pictures import Picture, Pictures
from .playable import Playable

log = Log(__name__)
Made = TypeVar("Made")

WHYS = 24  # moments whose reasons are kept: with pictures, about 0.5 MB each
CLIPS = 4  # stretches of video that are kept decoded, for masks: up to 40 MB each
FRESH = 0.5  # s for which the files that are known are not looked at again
STATUS_FRESH = 2.0  # s, the same of its sizes
CLOSE = 0.0015  # s by which a time in an id may differ from the moment's own


class Service:
    """What the routes share; ``request.app.state.service``.

    Attributes:
        read_only: nothing may be indexed. reports: folder of `evaluate`'s reports, or None.
        searches, uploads, heavy, exports, streams, followers: places for those who ask; see
            `Limits`.
        whys, clips, playable: what was made lately: reasons, stretches of video, clips that play.
        jobs: indexing that was asked for.
        draining: set when the server is about to end; what streams without end ends then.
    """

    def __init__(
        self,
        library: Library,
        *,
        read_only: bool = False,
        reports: Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.library, self.read_only, self.reports = library, read_only, reports
        self.limits = limits or Limits()
        self.place = library.folder
        self.searches = Desk(self.limits.searches, self.limits.waiting, self.limits.patience)
        self.uploads = Desk(self.limits.uploads, self.limits.uploads, self.limits.patience)
        self.heavy = Desk(self.limits.heavy, self.limits.heavy * 4, 30.0)
        self.exports = Desk(self.limits.exports, self.limits.exports * 4, 30.0)
        self.streams = Desk(self.limits.streams, 0, self.limits.patience)
        self.followers = Desk(self.limits.followers, 0, self.limits.patience)
        self.draining = asyncio.Event()
        self.jobs = Jobs(library.folder, self._job_ended)
        self.metrics = Metrics(self)
        self.together = Together[Ask, Page | LibraryError](self._answers)
        self._asking = Lock()
        self.whys: Kept[Any] = Kept(WHYS)
        self.clips: Kept[Any] = Kept(CLIPS)
        self.playable = Playable()
        self._pictures = Pictures(self.limits.pictures)
        self._facts, self._heavy = library.another(), library.another()
        self._facts_thread = ThreadPoolExecutor(1, "facts")
        self._heavy_thread = ThreadPoolExecutor(1, "heavy")
        self._cutting = ThreadPoolExecutor(self.limits.exports, "cutting", initializer=give_way)
        self._catalogue = Catalogue(None)
        self._looked = self._changed = -FRESH
        self._status: tuple[float, Status] | None = None

    def close(self) -> None:
        """Nothing new is begun any more, and what is being indexed is asked to end."""
        self.draining.set()
        self.jobs.close()
        desks = self.searches, self.uploads, self.heavy, self.exports, self.streams, self.followers
        for desk in desks:
            desk.closing = True

    def end(self) -> None:
        """Wait for what is under way; the last call."""
        self.close()
        self.jobs.end()
        self._facts_thread.shutdown(cancel_futures=True)
        self.playable.end()
        self._heavy_thread.shutdown(cancel_futures=True)
        self._cutting.shutdown(cancel_futures=True)

    # --- searches --------------------------------------------------------------------------------

    def _answers(self, asks: Sequence[Ask]) -> Sequence[Page | LibraryError]:
        with self._asking:
            return self.library.search_many(asks)

    def warm(self) -> None:
        """Load what searching needs, so that the first who asks does not wait; in any thread."""
        try:
            with self._asking:
                self.library.warm()
        except Exception as error:  # whoever asks is told it then
            log.warning("not ready for sentences", error=str(error))

    async def search(self, ask: Ask) -> Page:
        """One page of hits, in one pass with what others ask meanwhile.

        Raises:
            LibraryError: see `Library.search_page`. Refused: 503, too many ask at once.
        """
        async with self.searches.place():
            found = await self.together.ask(ask)
        if isinstance(found, LibraryError):
            raise found
        return found

    # --- work for the other two threads ----------------------------------------------------------

    async def read(self, work: Callable[[Library], Made]) -> Made:
        """What ``work`` makes of the library; for what is quick, as reading rows."""
        return await asyncio.get_running_loop().run_in_executor(
            self._facts_thread, work, self._facts
        )

    async def labour(self, work: Callable[[Library], Made]) -> Made:
        """The same for what takes long, one at a time.

        Raises:
            Refused: 503, too many ask for such things.
        """
        async with self.heavy.place():
            return await asyncio.get_running_loop().run_in_executor(
                self._heavy_thread, work, self._heavy
            )

    async def cut(self, work: Callable[[], Made]) -> Made:
        """What ``work`` makes, for what takes longest: cutting videos, which gives way to all else.

        Raises:
            Refused: 503, too many ask for such things.
        """
        async with self.exports.place(), self.heavy.place():
            return await asyncio.get_running_loop().run_in_executor(self._cutting, work)

    # --- files and moments -----------------------------------------------------------------------

    async def catalogue(self, *, fresh: bool = False) -> Catalogue:
        """The files as the tables stand, or with ``fresh`` unset stood half a second ago."""
        began = time.monotonic()
        if fresh or self._looked < max(began - FRESH, self._changed):
            self._catalogue = await self.read(self._look)
            self._looked = began
        return self._catalogue

    def _look(self, library: Library) -> Catalogue:
        state = library.state
        if state is not None and state == self._catalogue.state:
            return self._catalogue
        return Catalogue(state, sorted(library.videos(), key=lambda video: video.path))

    async def file(self, video: str) -> Video:
        """The file with this id, as its row.

        Raises:
            Refused: 404, there is none.
        """
        found = (await self.catalogue()).by_id.get(video)
        if found is None:
            raise Refused(404, "no_such_video", "the library knows no such video")
        return found

    async def decodable(self, video: str) -> tuple[Video, str]:
        """The row of a file that is still the one that was indexed, and its path.

        Raises:
            Refused: 404, there is none, or it is not there; 409, it is another one now.
        """
        row = await self.file(video)
        path = from_key(row.path)
        (await asyncio.to_thread(open_checked, path, row.size, row.mtime_ns)).close()
        return row, path

    async def moment(self, moment: str) -> Hit:
        """The stretch that an id names, with the windows in it; its score is 0.

        Raises:
            Refused: 404, the library has no such moment.
        """
        asked = parsed(moment)
        unknown = Refused(404, "no_such_moment", "the library has no such moment")
        if asked is None:
            raise unknown
        row = await self.file(asked.video)
        windows = await self.read(lambda library: library.moments_of(row.take))
        hit = _hit(row, windows, asked)
        if hit is None or not row.present:
            raise unknown
        return hit

    async def thumbnail(self, moment: str) -> Picture:
        """The picture of a moment.

        Raises:
            Refused: 404, it has none.
        """
        name = moment, (await self.catalogue()).state
        kept = self._pictures.get(name)
        if kept is not None:
            return kept
        hit = await self.moment(moment)
        data = await self.read(lambda library: library.thumbnail(hit))
        if data is None:
            raise Refused(404, "no_thumbnail", "the moment has no picture")
        return self._pictures.put(name, data)

    async def status(self) -> Status:
        """Counts and sizes; of a second ago, maybe, for it reads the sizes of all its files."""
        began = time.monotonic()
        if self._status is None or self._status[0] < max(began - STATUS_FRESH, self._changed):
            self._status = began, await self.read(lambda library: library.status())
        return self._status[1]

    @property
    def sees(self) -> bool:
        """Can it be asked with pictures and clips?"""
        return bool(self.library.stamp.model or self.library.loaded)

    def indexing(self) -> bool:
        """Is a job of this server at work?"""
        return self.jobs.running is not None

    def _job_ended(self, state: str) -> None:
        """What was read of the library before is out of date; in the job's thread."""
        self._changed = time.monotonic()
        self.metrics.jobs.labels(state).inc()

    # --- answers that are streams, bodies that are files -----------------------------------------

    async def stream(self, opened: Callable[[], Response], desk: Desk | None = None) -> Response:
        """A stream's answer; it holds its place until it is sent.

        Args:
            desk: where; by default that of files.

        Raises:
            Refused: 503, too many are being sent; what ``opened`` raises.
        """
        place = (desk or self.streams).place()
        await place.__aenter__()
        try:
            response = await asyncio.to_thread(opened)
        except BaseException:
            await place.__aexit__(None, None, None)
            raise
        return Placed(response, place)

    @asynccontextmanager
    async def form(self, request: Request) -> AsyncIterator[FormData]:
        """The fields and files that a request carries; larger files lie on disk.

        Raises:
            Refused: 413, 408, it is too large or too slow; 415, it is no form.
        """
        kind = request.headers.get("content-type", "")
        if not kind.startswith(("multipart/form-data", "application/x-www-form-urlencoded")):
            raise Refused(415, "no_form", "send it as multipart/form-data")
        async with request.form(max_files=4, max_fields=200) as form:
            yield form


class Placed(Response):
    """An answer that gives its place at a desk back when it is sent, or cannot be."""

    def __init__(self, inner: Response, place: AbstractAsyncContextManager[None]) -> None:
        self._inner, self._place = inner, place
        self.status_code, self.raw_headers = inner.status_code, inner.raw_headers
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._inner(scope, receive, send)
        finally:
            await self._place.__aexit__(None, None, None)


def _hit(row: Video, windows: Moments, asked: Stretch) -> Hit | None:
    """The windows that an id's stretch consists of, as a hit; None if there are none.

    Its best window is the one in the middle of it: what a moment shows is not known of its id.
    """
    inside = (windows.start >= asked.start - CLOSE) & (windows.end <= asked.end + CLOSE)
    if not inside.any():
        return None
    own = windows.at(inside.nonzero()[0])
    spans = tuple(zip(own.start.tolist(), own.end.tolist(), strict=True))
    lengths: list[float] = (own.end - own.start).tolist()
    best = spans[len(spans) // 2]

    def mean(values: list[float]) -> float:
        total: float = sum(v * w for v, w in zip(values, lengths, strict=True))
        return total / sum(lengths)

    return Hit(
        path=from_key(row.path),
        start=spans[0][0],
        end=max(end for _, end in spans),
        score=0.0,
        motion=mean(own.energy.tolist()),
        share=mean(own.share.tolist()),
        moving=mean(own.moving.tolist()),
        take=row.take,
        spans=spans,
        best=best,
    )
