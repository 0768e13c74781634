"""A library as tools for an assistant, by the Model Context Protocol.

The tools are another front of `Service`, beside the page's routes: they find moments, describe the
library, show a frame, show why a moment matched, and index a folder if the person says yes.
"""

# Paths are strings here: os loses none of their bytes.
# ruff: noqa: PTH100, PTH110, PTH111

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Annotated, Any, Literal

import anyio
import numpy as np
from mcp.server.mcpserver import Context, Elicit, Image, MCPServer, Resolve
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import BaseModel, Field

from fdaclip import __version__
from fdaclip.library import Ask, Filters, Library, LibraryError
from fdaclip.library.names import from_key

from . import told, wire
from .asked import query
from .catalogue import shown
from .frame import frame
from .guard import Refused
from .indexing import index
from .media import open_checked
from .relevance_pictures import LAYERS, pictures
from .service import Service
from .why import Why, why

INSTRUCTIONS = """Finds moments in the person's own videos by what is seen in them.
Ask search_moments with a plain description of what a camera would show ("a dog runs into the sea"),
not with a title or a question. Its moments have ids that the other tools take. A match is strong,
likely or weak: weak means that chance would do as well, so say so rather than present it as found.
Look at a frame (get_frame) before you claim what a moment shows."""
MOST = 50  # moments in one answer
COLUMNS = 3  # frames in a relevance picture
GAP = 6  # px between its pictures
READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
MomentId = Annotated[str, Field(description="id of a moment, as search_moments gives it")]


class Moment(BaseModel):
    """A stretch of a video that fits."""

    id: str
    path: str = Field(description="of the video file")
    start: float = Field(description="s from the video's start")
    end: float = Field(description="s from the video's start")
    score: float = Field(description="cosine of the query and the moment")
    match: Literal["strong", "likely", "weak", ""] = Field(
        description="what the score is worth; weak is no better than chance; empty: not known"
    )
    moving: float = Field(description="share of its frames in which something moves")
    text: str = Field(description="words said, written or in the name that matched, if any")
    offline: bool = Field(description="its disk is not mounted")


class Found(BaseModel):
    """Moments, best first."""

    moments: list[Moment]
    nothing: bool | None = Field(
        description="true: none is more than chance would find; null: not known"
    )
    next: str | None = Field(description="give it as `after` for the moments that follow")


class Folder(BaseModel):
    """A folder of videos."""

    path: str
    files: int


class Described(BaseModel):
    """What a library holds."""

    library: str
    model: str
    files: int
    moments: int
    hours: float
    folders: list[Folder] = Field(description="those with most files")
    bad: int = Field(description="files that could not be read")
    missing: int = Field(description="files that are gone")
    offline: int = Field(description="files on disks that are not mounted")
    captions: bool = Field(description="does any video have captions or subtitles to be searched?")


class Indexed(BaseModel):
    """What became of a folder."""

    files: int
    encoded: int
    unchanged: int
    moments: int
    bad: list[str] = Field(description="files that could not be read, with reasons")


class Consent(BaseModel):
    """The person's answer."""

    index: bool = Field(description="Read these videos and add them to the library?")


def create_server(library: Library, *, read_only: bool = False) -> MCPServer[Any]:
    """The tools for this library.

    Args:
        read_only: leave out the one that indexes.
    """
    service = Service(library, read_only=read_only)

    @asynccontextmanager
    async def lifespan(_: MCPServer[Any]) -> AsyncIterator[None]:
        try:
            yield
        finally:
            service.close()
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(service.jobs.end)

    server: MCPServer[Any] = MCPServer(
        "fdaclip",
        title="Moments of videos",
        instructions=INSTRUCTIONS,
        version=__version__,
        log_level="WARNING",
        lifespan=lifespan,
    )
    tools = Tools(service)
    server.add_tool(tools.search_moments, annotations=READS)
    server.add_tool(tools.describe_library, annotations=READS)
    server.add_tool(tools.get_frame, annotations=READS, structured_output=False)
    server.add_tool(tools.get_relevance_picture, annotations=READS, structured_output=False)
    if not read_only:
        writes = ToolAnnotations(destructive_hint=False, idempotent_hint=True)
        server.add_tool(tools.index_folder, annotations=writes)
    return server


async def consent(
    path: Annotated[str, Field(description="folder or video file on this machine")],
    confirm: bool,
    ctx: Context[Any, Any],
) -> Consent | Elicit[Consent]:
    """Ask the person; where the client cannot, `confirm` must say that the assistant did."""
    given = os.path.abspath(os.path.expanduser(path))
    if not os.path.exists(given):
        raise ToolError(f"there is no {path!r} on this machine")
    able = ctx.client_capabilities
    if able is not None and able.elicitation is not None:
        return Elicit(f"Read the videos in {shown(given)} and add them to the library?", Consent)
    if not confirm:
        raise ToolError(
            "nothing was indexed: ask the person first, and call again with confirm=true if they "
            "say yes"
        )
    return Consent(index=True)


class Tools:
    """What an assistant may do; the docstrings are what it reads."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def search_moments(
        self,
        description: Annotated[str, Field(description="what should be seen, in plain words")] = "",
        without: Annotated[str, Field(description="what should not be seen")] = "",
        like: Annotated[str, Field(description="id of a moment: more like this one")] = "",
        limit: Annotated[int, Field(ge=1, le=MOST)] = 10,
        folder: Annotated[str, Field(description="only videos below this folder")] = "",
        motion: Annotated[
            Literal["moving", "still"] | None, Field(description="only moments that move, or rest")
        ] = None,
        by_video: Annotated[bool, Field(description="at most one moment a video")] = False,
        after: Annotated[str, Field(description="`next` of the answer before, same query")] = "",
    ) -> Found:
        """Find moments of the person's videos by what is seen (and said) in them, best first."""
        with plainly():
            asked = await query(self._service, description, like, [without])
            filters = Filters(folders=(folder,) if folder else (), motion=motion)
            ask = Ask(asked, limit, after or None, filters=filters, by_video=by_video)
            page = await self._service.search(ask)
            catalogue = await self._service.catalogue()
        hits = [told.hit(hit, catalogue) for hit in page.hits]
        kept = set(Moment.model_fields)
        moments = [Moment.model_validate(hit.model_dump(include=kept)) for hit in hits]
        return Found(moments=moments, nothing=page.nothing, next=page.next)

    async def describe_library(self) -> Described:
        """Say what the library holds: how many videos and hours, in which folders."""
        with plainly():
            status = await self._service.read(Library.status)
            catalogue = await self._service.catalogue()
        counts: dict[str, int] = {}
        for video in catalogue.videos:
            if video.present:
                folder = shown(os.path.dirname(from_key(video.path)))  # noqa: PTH120
                counts[folder] = counts.get(folder, 0) + 1
        most = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:20]
        return Described(
            library=status.folder,
            model=status.stamp.model,
            files=status.files,
            moments=status.moments,
            hours=round(status.hours, 3),
            folders=[Folder(path=path, files=files) for path, files in most],
            bad=len(status.bad),
            missing=len(status.missing),
            offline=sum(status.offline.values()),
            captions=catalogue.has_texts,
        )

    async def get_frame(
        self,
        moment: MomentId,
        time: Annotated[
            float | None, Field(ge=0, description="s from the video's start; default: the middle")
        ] = None,
        short_side: Annotated[int, Field(ge=64, le=1080, description="px")] = 480,
    ) -> Image:
        """Show a frame of a moment's video, to see what is in it."""
        with plainly():
            path, start, end = await self._stretch(moment)
            at = (start + end) / 2 if time is None else time
            data = await self._service.labour(lambda _: frame(path, at, short_side))
        return Image(data=data, format="jpeg")

    async def get_relevance_picture(
        self,
        moment: MomentId,
        description: Annotated[str, Field(description="what was searched for")],
    ) -> list[str | Image]:
        """Show why a moment matched: where in its frames the model saw what was described.

        Rows: the frame; what moves in it; the places that speak for the description, brighter for
        more; the same for a model that is not told what moves. Columns: frames in order of time.
        """
        with plainly():
            path, start, end = await self._stretch(moment)
            work = partial(why, path=path, start=start, end=end, query=description, frames=COLUMNS)
            found = await self._service.labour(lambda library: work(library))
        times = ", ".join(f"{one.time:.1f} s" for one in found.frames)
        words = (
            f"score {found.score:.3f}, without the masks {found.score_without_mask:.3f}; "
            f"columns: frames at {times}; rows: frame, what moves, relevance, relevance without "
            f"the mask ({found.method})"
        )
        return [words, Image(data=sheet(found), format="jpeg")]

    async def index_folder(
        self,
        path: Annotated[str, Field(description="folder or video file on this machine")],
        agreed: Annotated[Consent, Resolve(consent)],
        ctx: Context[Any, Any],
        confirm: Annotated[
            bool,
            Field(description="the person was asked and said yes; only where you cannot be asked"),
        ] = False,
    ) -> Indexed:
        """Add the videos of a folder (whole) or a file to the library. The person is asked first.

        What is known and unchanged takes no time; much new video takes long. Cancelled, it keeps
        what is finished.
        """
        if not agreed.index:
            raise ToolError("nothing was indexed: the person said no")

        async def tell(job: wire.Job) -> None:
            if now := job.progress:
                said = f"{now.done} of {now.files} files"
                await ctx.report_progress(now.elapsed, message=said)

        with plainly():
            given = os.path.abspath(os.path.expanduser(path))
            report = await index(self._service.jobs, given, tell)
        return Indexed(
            files=report.found,
            encoded=report.encoded,
            unchanged=report.unchanged,
            moments=report.moments,
            bad=[f"{fault.path}: {fault.reason}" for fault in report.bad],
        )

    async def _stretch(self, moment: str) -> tuple[str, float, float]:
        """Path, start and end, s, of a moment, of a file that is as it was indexed.

        Raises:
            Refused: there is no such moment, or the file is another one now.
        """
        hit = await self._service.moment(moment)
        row = await self._service.file(moment.partition("-")[0])
        open_checked(hit.path, row.size, row.mtime_ns).close()
        return hit.path, hit.start, hit.end


@contextmanager
def plainly() -> Iterator[None]:
    """What is wrong, as a line that the assistant reads."""
    try:
        yield
    except (Refused, LibraryError) as error:
        raise ToolError(f"{error}; {error.hint}" if error.hint else str(error)) from error


def sheet(found: Why) -> bytes:
    """The four layers below each other, the frames side by side, as JPEG."""
    from PIL import Image as Pillow

    columns = []
    for one in found.frames:
        layers = pictures(one, found.scale)
        columns.append(np.concatenate([_edged(layers[layer]) for layer in LAYERS]))
    whole = np.concatenate(columns, axis=1)[GAP:, GAP:]
    written = io.BytesIO()
    Pillow.fromarray(whole).save(written, "JPEG", quality=85)
    return written.getvalue()


def _edged(picture: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.pad(picture, ((GAP, 0), (GAP, 0), (0, 0)), constant_values=24)
