"""Is it up? What does it do?"""

from __future__ import annotations

from fastapi import APIRouter

from fdaclip import __version__

from .. import wire
from .here import Here

router = APIRouter(tags=["health"])


@router.get("/health")
async def health(service: Here) -> wire.Health:
    """The only thing that is told without the token, if there is one."""
    return wire.Health(
        status="draining" if service.draining.is_set() else "ok",
        version=__version__,
        moments=(await service.catalogue()).moments,
        indexing=service.indexing(),
    )
