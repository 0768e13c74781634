"""The application: routes behind the guard, errors in one form, an orderly end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from fdaclip import __version__
from fdaclip.library import Library, LibraryError
from fdaclip.logs import Log

from . import wire
from .guard import Guard, Refused, error_body, refusal
from .limits import Limits
from .metrics import Counted
from .routes import (
    export,
    health,
    jobs,
    library,
    masks,
    moments,
    pages,
    playable,
    reports,
    search,
    timeline,
    videos,
    why,
)
from .service import Service
from .told import BASE

log = Log(__name__)

ROUTERS = [
    search.router,
    moments.router,
    why.router,
    videos.router,
    timeline.router,
    playable.router,
    export.router,
    masks.router,
    reports.router,
    library.router,
    jobs.router,
    health.router,
]
# what a library may refuse, by name, and how that is told; anything else is its own trouble: 503
STATUS = {
    "BadQuery": 422,
    "BadFilter": 422,
    "BadToken": 422,
    "UnusableExample": 422,
    "NoSuchPath": 404,
    "LibraryBusy": 409,
}
COMMON = {404: "not_found", 405: "no_such_method", 400: "unreadable", 413: "too_large"}


def create_app(
    library: Library,
    *,
    token: str = "",
    hosts: Iterable[str] = (),
    origins: Iterable[str] = (),
    read_only: bool = False,
    reports: Path | None = None,
    limits: Limits | None = None,
) -> Guarded:
    """An ASGI application over a library.

    Args:
        token: who does not know it gets no answer; empty if none is needed.
        hosts: names by which the server may be called, besides this machine's own.
        origins: other sites whose pages may ask it, as ``https://films.example``.
        read_only: nothing can be indexed.
        reports: a folder with reports of ``fdaclip eval`` that may be shown.
        limits: how much at once, and how large.
    """
    limits = limits or Limits()
    service = Service(library, read_only=read_only, reports=reports, limits=limits)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.create_task(asyncio.to_thread(service.warm))
        try:
            yield
        finally:
            await warming
            service.end()

    app = FastAPI(
        title="FDA-CLIP",
        version=__version__,
        description="Moments of videos, found by a sentence, a picture or a clip.",
        openapi_url=f"{BASE}/openapi.json",
        docs_url=None,  # both fetch their scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        responses={
            "4XX": {"model": wire.Error, "description": "What was asked cannot be answered."},
            "5XX": {"model": wire.Error, "description": "Ask again later (503), or a fault."},
        },
        exception_handlers={
            Refused: refusal,
            LibraryError: _library_error,
            RequestValidationError: _not_valid,
            HTTPException: _http_error,
            Exception: _fault,
        },
    )
    app.state.service = service
    for router in ROUTERS:
        app.include_router(router, prefix=BASE)
    app.include_router(pages.router)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")

    counted = Counted(app, service.metrics)
    return Guarded(counted, service, token=token, hosts=hosts, origins=origins, limits=limits)


class Guarded(Guard):
    """The whole application; ``service`` is its running state."""

    def __init__(
        self,
        app: ASGIApp,
        service: Service,
        *,
        token: str,
        hosts: Iterable[str],
        origins: Iterable[str],
        limits: Limits,
    ) -> None:
        super().__init__(
            app,
            hosts=hosts,
            token=token,
            origins=origins,
            largest=limits.upload,
            largest_text=limits.body,
            sending=limits.sending,
        )
        self.service = service


# --- errors, in one form ------------------------------------------------------------------------


def answer(status: int, code: str, message: str, hint: str = "") -> Response:
    """An error."""
    headers = {"Retry-After": "1"} if status == 503 else {}
    return JSONResponse(error_body(code, message, hint), status, headers)


async def _library_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, LibraryError)
    name = next((kind.__name__ for kind in type(error).__mro__ if kind.__name__ in STATUS), "")
    code = re.sub(r"(?<!^)(?=[A-Z])", "_", name or type(error).__name__).lower()
    return answer(STATUS.get(name, 503), code, str(error), error.hint)


async def _not_valid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    told = [f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors()]
    return answer(422, "not_valid", "; ".join(told)[:500], "see /api/docs")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, Refused):  # while the body was read
        return await refusal(request, error.__cause__)
    code = COMMON.get(error.status_code, "refused")
    message = {
        404: "there is nothing at this address",
        405: "this address does not answer to that method",
    }.get(error.status_code, "the request cannot be read")
    response = answer(error.status_code, code, message)
    response.headers.update(error.headers or {})
    return response


async def _fault(request: Request, error: Exception) -> Response:
    """What was not foreseen: it is logged here, and not told there."""
    log.warning("request failed", route=request.url.path, error=type(error).__name__)
    return answer(500, "fault", "the server failed at this", "its log says more")
