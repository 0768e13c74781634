"""Moments leave the library: cut out of their videos, or as lists for editors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from threading import Event
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from fdaclip.library.export import Excerpt

from .. import wire
from ..exports import CUTS, UNREAD, Sent, Wanted, exported, too_much
from ..guard import Refused
from ..ids import parsed
from ..service import Service
from .here import Here

router = APIRouter(prefix="/export", tags=["export"])
GRACE = 25.0  # s to finish in once the server is about to end, which cuts all off after 30
LOOK = 0.5  # s between two looks at that
FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A cut, a list, or a zip of several files; its name is in "
        "Content-Disposition.",
        "content": {
            "application/zip": {},
            "video/*": {},
            "image/gif": {},
            "application/octet-stream": {},
            "text/plain": {},
            "application/xml": {},
            "text/csv": {},
            "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
        },
    }
}


@router.post("", response_class=Response, responses=FILES)
async def export(service: Here, asked: wire.ExportRequest, request: Request) -> Response:
    """One cut is sent as it is; several, or what could be cut of them, as a zip.

    What could not be exported is told in its `not-cut.txt`; 409 if that is all of it.
    """
    wanted, unknown = await _found(service, asked.moments)
    seconds = sum(one.excerpt.end - one.excerpt.start for one in wanted)
    if asked.how in CUTS and seconds > service.limits.export_seconds:
        raise too_much(f"{seconds:,.0f} s of {service.limits.export_seconds:,.0f} s at most")
    async with _leaving(service, request) as gone:
        work = partial(exported, wanted, asked.how, unknown, service.limits, gone)
        made = await (asyncio.to_thread(work) if asked.how in UNREAD else service.cut(work))
    try:
        return await service.stream(lambda: Sent(made))
    except BaseException:
        made.delete()
        raise


async def _found(service: Service, moments: Sequence[str]) -> tuple[list[Wanted], list[str]]:
    """The moments, each once, and which there are not.

    Raises:
        Refused: 404, there is none of them.
    """
    wanted, unknown = list[Wanted](), list[str]()
    for moment in dict.fromkeys(moments):
        try:
            hit = await service.moment(moment)
            stretch = parsed(moment)
            assert stretch is not None  # it was found
            row = await service.file(stretch.video)
        except Refused as refused:
            unknown.append(f"{moment[:60]}: {refused.message}")
            continue
        facts = {"id": moment, "motion": hit.motion, "share": hit.share, "moving": hit.moving}
        wanted.append(Wanted(Excerpt(hit.path, hit.start, hit.end, facts), row))
    if not wanted:
        raise Refused(404, "no_such_moment", "the library has none of these moments")
    return wanted, unknown


@asynccontextmanager
async def _leaving(service: Service, request: Request) -> AsyncIterator[Event]:
    """Set when the client leaves, the server is about to end, or nobody waits here any more."""
    gone = Event()

    async def left() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone.set()

    async def ends() -> None:
        while not service.draining.is_set():
            await asyncio.sleep(LOOK)
        await asyncio.sleep(GRACE)
        gone.set()

    watching = [asyncio.create_task(one()) for one in (left, ends)]
    try:
        yield gone
    finally:
        gone.set()
        for one in watching:
            one.cancel()
