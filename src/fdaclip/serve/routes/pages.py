"""The page: its files as they lie in ``serve/page``, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as Part
from starlette.responses import FileResponse, Response

from ..guard import Refused

router = APIRouter(include_in_schema=False)
PAGE = Path(__file__).parents[1] / "page"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
NAME = r"^[a-z0-9_-]+\.[a-z]+$"


def page_file(name: str) -> Response:
    """A file of the page; the browser asks each time whether it has changed.

    Raises:
        Refused: 404, there is none.
    """
    path = PAGE / name
    if path.suffix not in TYPES or not path.is_file() or path.is_symlink():
        raise Refused(404, "not_found", "there is nothing at this address")
    headers = {"Cache-Control": "no-cache"}
    return FileResponse(path, media_type=TYPES[path.suffix], headers=headers)


@router.api_route("/", methods=["GET", "HEAD"])
@router.api_route("/library", methods=["GET", "HEAD"])
@router.api_route("/model", methods=["GET", "HEAD"])
async def index() -> Response:
    return page_file("index.html")


@router.api_route("/api/docs", methods=["GET", "HEAD"])
async def docs() -> Response:
    return page_file("apidocs.html")


@router.api_route("/favicon.ico", methods=["GET", "HEAD"])
async def icon() -> Response:
    return page_file("icon.svg")


@router.api_route("/page/{name}", methods=["GET", "HEAD"])
async def part(name: Annotated[str, Part(max_length=100)]) -> Response:
    return page_file(Path(name).name)
