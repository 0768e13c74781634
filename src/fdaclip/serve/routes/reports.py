"""The reports of evaluations that lie in the folder the server was given."""

from __future__ import annotations

import asyncio
import html
import os
import re
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter
from fastapi import Path as InPath
from starlette.responses import Response

from .. import wire
from ..guard import Refused
from ..told import BASE
from .here import Here

router = APIRouter(prefix="/reports", tags=["reports"])
MOST = 200  # reports that are listed, newest first
LARGEST = 64 << 20  # bytes of one
HEAD = 4096  # bytes in which its title is looked for
PART = r"[^/\\\x00.][^/\\\x00]{0,250}"
NAME = rf"({PART}/)?{PART}\.html"  # in the folder, or one below: each evaluation has its own
POLICY = (  # it may show itself, and do nothing
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)
TITLE = re.compile(rb"<title>(.*?)</title>", re.DOTALL | re.IGNORECASE)


@router.get("")
async def reports(service: Here) -> list[wire.Report]:
    """The newest first; none if the server was given no folder."""
    if service.reports is None:
        return []
    return await asyncio.to_thread(listed, service.reports)


@router.get(
    "/{name:path}",
    response_class=Response,
    responses={200: {"content": {"text/html": {}}}},
)
async def report(service: Here, name: Annotated[str, InPath(pattern=f"^{NAME}$")]) -> Response:
    """One of them, as the page that it is, allowed nothing but to be seen."""
    data = None
    if service.reports is not None:
        data = await asyncio.to_thread(read, service.reports, name)
    if data is None:
        raise Refused(404, "no_such_report", "there is no such report")
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "private, no-cache"}
    return Response(data, 200, headers, "text/html; charset=utf-8")


def listed(folder: Path) -> list[wire.Report]:
    """What lies in the folder, or in one of its own."""
    found = []
    for path in (*folder.glob("*.html"), *folder.glob("*/*.html")):
        name = path.relative_to(folder).as_posix()
        facts = _facts(folder, name)
        if facts is not None:
            found.append((facts.st_mtime, name))
    return [
        wire.Report(
            name=name.encode("utf-8", "replace").decode(),
            url=f"{BASE}/reports/{quote(os.fsencode(name))}",
            title=_title(folder / name),
            changed=changed,
        )
        for changed, name in sorted(found, reverse=True)[:MOST]
    ]


def read(folder: Path, name: str) -> bytes | None:
    """None if there is none of that name."""
    if _facts(folder, name) is None:
        return None
    try:
        return (folder / name).read_bytes()
    except OSError:
        return None


def _facts(folder: Path, name: str) -> os.stat_result | None:
    """Of an ordinary file that lies there, no link to elsewhere; None if it is none."""
    if not re.fullmatch(NAME, name):
        return None
    try:
        path = folder / name
        if path.resolve() != folder.resolve() / name or not path.is_file():
            return None
        facts = path.stat()
    except (OSError, ValueError):
        return None
    return facts if facts.st_size <= LARGEST else None


def _title(path: Path) -> str:
    try:
        with path.open("rb") as file:
            found = TITLE.search(file.read(HEAD))
    except OSError:
        found = None
    text = html.unescape(found[1].decode("utf-8", "replace")).strip() if found else ""
    return text or path.stem.encode("utf-8", "replace").decode()
