"""Stretches of video that any browser plays, and single frames."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from ..frame import frame as frame_at
from ..guard import Refused
from ..media import media
from ..pictures import jpeg, pictured
from ..playable import LONGEST
from .here import Here, VideoId
from .moments import JPEG

router = APIRouter(prefix="/videos", tags=["videos"])
MP4: dict[int | str, dict[str, Any]] = {
    200: {"content": {"video/mp4": {}}, "description": "The whole clip."},
    206: {"content": {"video/mp4": {}}, "description": "The range that was asked."},
}
Time = Annotated[float, Query(ge=0, le=1e7, allow_inf_nan=False)]


@router.head("/{video}/clip.mp4", include_in_schema=False)
@router.get("/{video}/clip.mp4", response_class=Response, responses=MP4)
async def clip(service: Here, video: VideoId, request: Request, start: Time, end: Time) -> Response:
    """A stretch of a video, s, 60 s at most, as H.264 and AAC with a short side of 720 px."""
    row, path = await service.decodable(video)
    if not start < end <= start + LONGEST + 0.001:
        raise Refused(422, "not_valid", f"a clip is up to {LONGEST:g} s long, and ends after start")
    if start >= row.duration > 0:
        raise Refused(422, "not_valid", f"the video ends at {row.duration:g} s")
    made = await service.playable.clip(path, row.mtime_ns, start, end, service.heavy.place)
    facts = await asyncio.to_thread(made.stat)
    asked = request.headers.get("range")
    return await service.stream(
        lambda: media(str(made), facts.st_size, facts.st_mtime_ns, asked, request.method)
    )


@router.get("/{video}/frame.jpg", response_class=Response, responses=JPEG)
async def frame(
    service: Here,
    video: VideoId,
    request: Request,
    time: Time = 0.0,
    height: Annotated[int, Query(ge=16, le=1080)] = 360,
) -> Response:
    """The frame shown at a time, s; its short side has ``height`` px at most."""
    _, path = await service.decodable(video)
    async with service.heavy.place():
        data = await asyncio.to_thread(frame_at, path, time, height)
    return jpeg(pictured(data), request)
