"""What every route is given."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request

from ..ids import MOMENT, VIDEO
from ..service import Service


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Here = Annotated[Service, Depends(_service)]
VideoId = Annotated[str, Path(pattern=f"^{VIDEO}$", description="The id of a video.")]
MomentId = Annotated[str, Path(pattern=f"^{MOMENT}$", description="The id of a moment.")]
