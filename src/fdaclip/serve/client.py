"""A server of ``fdaclip serve``, asked from Python::

    from fdaclip.serve.client import Client

    with Client("http://127.0.0.1:8000") as client:
        for hit in client.search("a dog catches a frisbee").hits:
            print(hit.path, hit.start, hit.end, hit.match)

It loads neither models nor what a server needs: ``pip install 'fdaclip[client]'``. There is a
method for each address (docs/api.md); what they return are the models of `fdaclip.serve.wire`.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, TypeVar, Unpack
from urllib.parse import quote, unquote

from pydantic import TypeAdapter

from . import wire
from .connection import ApiError as ApiError
from .connection import Connection, File, several

if TYPE_CHECKING:
    from httpx2 import BaseTransport

Told = TypeVar("Told")
Words = str | Sequence[str]
Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
States = Literal["", "offline"] | wire.State
PIECE = 256 << 10  # bytes read at a time
LONG = 300.0  # s that looking into videos may take
CUTTING = 3 * 3600.0  # s that cutting them may take
HERE = 60.0  # s within which a server says of a job that it is still there
AGAIN = 1.0  # s until a job whose events broke off is followed again


class Asked(TypedDict, total=False):
    """What a search may be asked besides a sentence; see docs/api.md.

    Attributes:
        image, clip: to search with: a file's path, or its content.
        like: the id of a moment. without: sentences of what should not be seen.
        after: the ``next`` of the page before, of the same search.
        text: do captions, subtitles and names count? exact: compare all moments.
    """

    image: File
    clip: File
    like: str
    without: Words
    limit: int
    after: str
    group: Literal["moment", "video"]
    folder: Words
    path: Words
    since: str
    until: str
    longer: float
    shorter: float
    motion: Literal["moving", "still"]
    resolution: int
    audio: bool
    text: bool
    exact: bool


class Client:
    """One server; for one thread at a time, and to be closed, or used in a ``with``.

    Every method raises `ApiError`: the server refused, or is not reached.

    Args:
        url: its address, or the link that it printed, with the token.
        token: that the server wants to be told.
        timeout: s without a sign of the server after which it is given up.
        patience: s for which a server that says it is busy is asked again.
        transport: what carries the requests, in place of the network.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        token: str = "",
        timeout: float = 30.0,
        patience: float = 10.0,
        transport: BaseTransport | None = None,
    ) -> None:
        self._patience = patience
        self._connection = Connection(
            url, token=token, timeout=timeout, patience=patience, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Its connections."""
        self._connection.close()

    # --- what is there ---------------------------------------------------------------------------

    def health(self) -> wire.Health:
        """Is the server up? The one question that needs no token."""
        return self._ask(wire.Health, "GET", "/health")

    def library(self) -> wire.LibraryFacts:
        """What the library holds."""
        return self._ask(wire.LibraryFacts, "GET", "/library")

    # --- searches and moments --------------------------------------------------------------------

    def search(self, q: str = "", **asked: Unpack[Asked]) -> wire.Found:
        """Moments that fit a sentence, a picture, a clip, another moment, or all of these."""
        fields: dict[str, Any] = {"q": q, **asked}
        sent = {name: fields.pop(name) for name in ("image", "clip") if name in fields}
        for name in ("without", "folder", "path"):
            if name in fields:
                fields[name] = several(fields[name])
        if sent:
            return self._ask(wire.Found, "POST", "/search", form=fields, sent=sent, within=LONG)
        return self._ask(wire.Found, "GET", "/search", query=fields)

    def pages(self, q: str = "", **asked: Unpack[Asked]) -> Iterator[wire.Found]:
        """The same, page after page, to the last moment of the library that may be found."""
        while True:
            found = self.search(q, **asked)
            yield found
            if found.next is None:
                return
            asked["after"] = found.next

    def moment(self, moment: str) -> wire.Hit:
        """A moment by its id."""
        return self._ask(wire.Hit, "GET", f"/moments/{_part(moment)}")

    def thumbnail(self, moment: str) -> bytes:
        """Its most telling frame, small, as JPEG."""
        return self._bytes(f"/moments/{_part(moment)}/thumbnail.jpg")

    def why(self, moment: str, q: str = "", *, like: str = "", without: Words = ()) -> wire.Why:
        """Why it matches what is asked; takes seconds the first time."""
        query = {"q": q, "like": like, "without": several(without)}
        address = f"/moments/{_part(moment)}/why"
        return self._ask(wire.Why, "GET", address, query=query, within=LONG)

    def why_picture(
        self,
        moment: str,
        number: int,
        layer: wire.Layer,
        q: str = "",
        *,
        like: str = "",
        without: Words = (),
    ) -> bytes:
        """One of the pictures of that: a frame, by its number from 0, in a layer, as JPEG."""
        query = {"q": q, "like": like, "without": several(without)}
        return self._bytes(f"/moments/{_part(moment)}/why/{number}/{layer}.jpg", query, within=LONG)

    # --- videos ----------------------------------------------------------------------------------

    def videos(
        self,
        *,
        folder: str = "",
        state: Literal["", "ok", "partial", "bad", "missing", "offline"] = "",
        limit: int = 100,
        after: str = "",
    ) -> wire.Videos:
        """A page of the files, in order of path; ``after`` is the ``next`` of the page before."""
        query = {"folder": folder, "state": state, "limit": limit, "after": after}
        return self._ask(wire.Videos, "GET", "/videos", query=query)

    def all_videos(
        self,
        *,
        folder: str = "",
        state: Literal["", "ok", "partial", "bad", "missing", "offline"] = "",
    ) -> Iterator[wire.Video]:
        """All of the files, page after page."""
        after: str | None = ""
        while after is not None:
            page = self.videos(folder=folder, state=state, limit=200, after=after)
            yield from page.videos
            after = page.next

    def video(self, video: str) -> wire.Video:
        """A file by its id."""
        return self._ask(wire.Video, "GET", f"/videos/{_part(video)}")

    def video_thumbnail(self, video: str) -> bytes:
        """The picture of the moment in its middle, as JPEG."""
        return self._bytes(f"/videos/{_part(video)}/thumbnail.jpg")

    def timeline(self, video: str, q: str = "", *, like: str = "") -> wire.Timeline:
        """All of its moments in order, and how well each fits what is asked."""
        query = {"q": q, "like": like}
        return self._ask(wire.Timeline, "GET", f"/videos/{_part(video)}/timeline", query=query)

    def frame(self, video: str, time: float = 0.0, *, height: int = 360) -> bytes:
        """The frame shown at a time, s, as JPEG; ``height``: of its short side, px, at most."""
        query = {"time": time, "height": height}
        return self._bytes(f"/videos/{_part(video)}/frame.jpg", query, within=LONG)

    def media(self, video: str, first: int = 0, last: int | None = None) -> Download:
        """The file itself, or its bytes ``first`` to ``last``."""
        whole = first == 0 and last is None
        asked = {} if whole else {"Range": f"bytes={first}-{'' if last is None else last}"}
        return self._download(f"/videos/{_part(video)}/media", headers=asked)

    def clip(self, video: str, start: float, end: float) -> Download:
        """A stretch of it, s, 60 s at most, as MP4 that any browser plays."""
        span = {"start": start, "end": end}
        return self._download(f"/videos/{_part(video)}/clip.mp4", query=span, within=LONG)

    # --- masks and reports -----------------------------------------------------------------------

    def mask_settings(self) -> list[wire.Setting]:
        """What can be turned about masks."""
        return self._ask(list[wire.Setting], "GET", "/masks")

    def masks(
        self,
        *,
        video: str = "",
        upload: File | None = None,
        start: float = 0.0,
        end: float | None = None,
        frames: int = 6,
        **settings: float | bool | str,
    ) -> wire.Masks:
        """What moves in some frames of a stretch, s, of a video of the library or one that is sent.

        Args:
            settings: see `mask_settings`.
        """
        form = {"video": video, "start": start, "end": end, "frames": frames, **settings}
        sent = {} if upload is None else {"upload": upload}
        return self._ask(wire.Masks, "POST", "/masks", form=form, sent=sent, within=LONG)

    def reports(self) -> list[wire.Report]:
        """The reports of evaluations, the newest first."""
        return self._ask(list[wire.Report], "GET", "/reports")

    def report(self, name: str) -> str:
        """One of them, as HTML."""
        return self._bytes(f"/reports/{_part(name)}").decode()

    # --- indexing --------------------------------------------------------------------------------

    def index(
        self,
        paths: Paths = (),
        *,
        videos: Words = (),
        retry: bool = False,
    ) -> wire.Job:
        """Begin to index files and folders; `wait` and `follow` tell how it goes.

        Args:
            paths: absolute ones on the server's machine. videos: ids of files known already.
            retry: try bad and partial files again; all of them, if none is named.
        """
        named = [paths] if isinstance(paths, str | os.PathLike) else paths
        asked = {"paths": [os.fspath(one) for one in named], "retry": retry}
        return self._ask(wire.Job, "POST", "/jobs", json=asked | {"videos": several(videos)})

    def jobs(self) -> wire.Jobs:
        """The jobs of this server, the newest first."""
        return self._ask(wire.Jobs, "GET", "/jobs")

    def job(self, job: str | wire.Job) -> wire.Job:
        """A job, by its id or as it was told before, as it is now."""
        return self._ask(wire.Job, "GET", f"/jobs/{_job(job)}")

    def cancel(self, job: str | wire.Job) -> wire.Job:
        """Ask a job to stop; what is finished by then is kept."""
        return self._ask(wire.Job, "DELETE", f"/jobs/{_job(job)}")

    def follow(self, job: str | wire.Job) -> Iterator[wire.Job]:
        """A job as it is now, whenever that changes, and last as it has ended.

        Where the connection breaks, it is made again.
        """
        until = time.monotonic() + self._patience
        while True:
            broken = ApiError(0, "broken_off", "the server tells no more of the job")
            try:
                for told in self._events(job):
                    until = time.monotonic() + self._patience
                    yield told
                    if told.ended is not None:
                        return
            except ApiError as error:
                if error.status:
                    raise
                broken = error
            if time.monotonic() > until:
                raise broken
            time.sleep(AGAIN)

    def wait(self, job: str | wire.Job) -> wire.Job:
        """A job as it has ended: done, cancelled or failed."""
        for told in self.follow(job):
            last = told
        return last

    def _events(self, job: str | wire.Job) -> Iterator[wire.Job]:
        address = f"/jobs/{_job(job)}/events"
        for name, data in self._connection.events(address, within=HERE):
            if name in ("progress", "end"):
                yield wire.Job.model_validate_json(data)

    # --- export ----------------------------------------------------------------------------------

    def export(
        self,
        moments: Words,
        how: wire.How = "lossless",
        *,
        to: str | os.PathLike[str] = ".",
        force: bool = False,
    ) -> Path:
        """Cut moments out of their videos, or list them for an editor, and save that in a folder.

        One cut is saved as it is, several as a zip, with a ``not-cut.txt`` if some could not be.

        Raises:
            FileExistsError: the folder has such a file already, and it is not to be replaced.
        """
        asked = {"moments": several(moments), "how": how}
        with self._connection.answer("POST", "/export", json=asked, within=CUTTING) as response:
            name = _name(response.headers.get("Content-Disposition", "")) or "moments"
            return _saved(response.iter_bytes(PIECE), Path(to) / name, force)

    # --- how ------------------------------------------------------------------------------------

    def get(self, address: str) -> bytes:
        """What lies at an address that the server told, as a hit's ``thumbnail``."""
        return self._bytes(address, within=LONG)

    def _ask(self, kind: type[Told], method: str, path: str, **how: Any) -> Told:
        with self._connection.answer(method, path, **how) as response:
            return TypeAdapter(kind).validate_json(response.read())

    def _bytes(
        self, path: str, query: dict[str, Any] | None = None, within: float | None = None
    ) -> bytes:
        with self._connection.answer("GET", path, query=query, within=within) as response:
            return response.read()

    def _download(self, path: str, **how: Any) -> Download:
        def pieces() -> Iterator[bytes]:
            with self._connection.answer("GET", path, **how) as response:
                yield from response.iter_bytes(PIECE)

        return Download(pieces)


class Download:
    """A file that is to come: asked for when it is read, saved, or gone through piece by piece."""

    def __init__(self, pieces: Callable[[], Iterator[bytes]]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces()

    def read(self) -> bytes:
        """All of it, in memory."""
        return b"".join(self)

    def save(self, to: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write it to a file, which has its name only once it is whole.

        Raises:
            FileExistsError: there is one of that name, and it is not to be replaced.
        """
        return _saved(self, Path(to), force)


def _job(job: str | wire.Job) -> str:
    """A job, or its id, as one part of an address."""
    return _part(job if isinstance(job, str) else job.id)


def _part(name: str) -> str:
    """A name as one part of an address."""
    return quote(name, safe="")


def _saved(pieces: Iterable[bytes], target: Path, force: bool) -> Path:
    """Raises FileExistsError: see `Download.save`."""
    if target.exists() and not force:
        raise FileExistsError(f"{target} is there already; force=True replaces it")
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.part")
    try:
        with unfinished.open("wb") as file:
            for piece in pieces:
                file.write(piece)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target


def _name(disposition: str) -> str:
    """The name under which a server says to save (RFC 6266); never one of another folder."""
    whole = re.search(r"filename\*=UTF-8''([^;]+)", disposition)
    plain = re.search(r'filename="([^"]+)"', disposition)
    name = unquote(whole[1]) if whole else plain[1] if plain else ""
    name = re.split(r"[/\\]", name)[-1]
    return "" if name in (".", "..") else name
