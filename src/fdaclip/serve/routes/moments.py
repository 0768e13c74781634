"""Moments by their id, and their pictures."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from .. import told, wire
from ..pictures import jpeg
from .here import Here, MomentId

router = APIRouter(prefix="/moments", tags=["moments"])
JPEG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {}}, "description": "The picture."},
    304: {"description": "The client has it."},
}


@router.get("/{moment}")
async def moment(service: Here, moment: MomentId) -> wire.Hit:
    """A moment; nothing was asked, so its score is 0 and its match empty."""
    hit = await service.moment(moment)
    return told.hit(hit, await service.catalogue())


@router.get("/{moment}/thumbnail.jpg", response_class=Response, responses=JPEG)
async def thumbnail(service: Here, moment: MomentId, request: Request) -> Response:
    """Its most telling frame, small."""
    return jpeg(await service.thumbnail(moment), request)
