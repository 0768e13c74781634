"""The files of the library, their pictures and the files themselves."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from fdaclip.library.names import from_key

from .. import told, wire
from ..catalogue import Mounts, shown_key
from ..guard import Refused
from ..ids import VIDEO, moment_id, video_id
from ..media import media
from ..pictures import jpeg
from .here import Here, VideoId
from .moments import JPEG

router = APIRouter(prefix="/videos", tags=["videos"])
STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"video/*": {}}, "description": "The whole file."},
    206: {"content": {"video/*": {}}, "description": "The range that was asked."},
}


@router.get("")
async def videos(
    service: Here,
    after: Annotated[str, Query(pattern=f"^({VIDEO})?$", description="The next of before.")] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
    folder: Annotated[str, Query(max_length=4096, description="Only files in or below it.")] = "",
    state: Literal["", "ok", "partial", "bad", "missing", "offline"] = "",
) -> wire.Videos:
    """The files, in order of path."""
    catalogue = await service.catalogue()
    mounts = Mounts()
    begin = ""
    if after:
        if after not in catalogue.by_id:
            raise Refused(409, "gone", "the file it would go on from is gone", "begin anew")
        begin = catalogue.by_id[after].path
    below = folder.rstrip("/") + "/"
    chosen: list[wire.Video] = []
    for row in catalogue.videos:
        if row.path <= begin or (folder and not shown_key(row.path).startswith(below)):
            continue
        away = mounts.offline(row)
        if state and state != ("offline" if away else row.state if row.present else "missing"):
            continue
        if len(chosen) == limit:
            return wire.Videos(videos=chosen, next=chosen[-1].id)
        chosen.append(told.file(row, mounts))
    return wire.Videos(videos=chosen, next=None)


@router.get("/{video}")
async def video(service: Here, video: VideoId) -> wire.Video:
    """A file."""
    return told.file(await service.file(video), Mounts())


@router.get("/{video}/thumbnail.jpg", response_class=Response, responses=JPEG)
async def thumbnail(service: Here, video: VideoId, request: Request) -> Response:
    """The picture of the moment in its middle."""
    row = await service.file(video)
    windows = await service.read(lambda library: library.moments_of(row.take))
    if not len(windows):
        raise Refused(404, "no_thumbnail", "the video has no moments")
    middle = len(windows) // 2
    start, end = float(windows.start[middle]), float(windows.end[middle])
    return jpeg(await service.thumbnail(moment_id(video_id(row.path), start, end)), request)


@router.head("/{video}/media", include_in_schema=False)
@router.get("/{video}/media", response_class=Response, responses=STREAM)
async def file(service: Here, video: VideoId, request: Request) -> Response:
    """The file itself, in the ranges that a player asks for."""
    row = await service.file(video)
    if row.state == "bad":  # it may be no video at all
        raise Refused(
            409, "bad", "nothing of this file could be indexed, so it is not sent", row.reason
        )
    return await service.stream(
        lambda: media(
            from_key(row.path),
            row.size,
            row.mtime_ns,
            request.headers.get("range"),
            request.method,
        )
    )
