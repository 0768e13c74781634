"""A video file as a browser wants it: in the ranges that its player asks for, never as a whole.

The file is opened first and looked at then, so that what is sent is the file that was checked: the
one that was indexed, of the size and time of change that the library knows. Another file under its
name, or a link to one, is not sent.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import AsyncIterator
from email.utils import formatdate
from typing import BinaryIO

from anyio import to_thread
from starlette.responses import Response, StreamingResponse

from .guard import Refused

CHUNK = 256 << 10  # bytes read at a time
TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/mp4",  # what is in it decides whether it plays; browsers balk at the true name
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".ogv": "video/ogg",
    ".ogg": "video/ogg",
    ".avi": "video/x-msvideo",
    ".ts": "video/mp2t",
    ".m2ts": "video/mp2t",
    ".mpg": "video/mpeg",
    ".mpeg": "video/mpeg",
    ".3gp": "video/3gpp",
    ".gif": "image/gif",
}
RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def media(path: str, size: int, mtime_ns: int, asked: str | None, method: str) -> Response:
    """The answer to a request for a file; its reading goes on while it is sent.

    Args:
        size, mtime_ns: as the library knows them.
        asked: the Range header, if there is one. method: GET or HEAD.

    Raises:
        Refused: 404, it is not there or cannot be read; 409, it is not what was indexed; 416, there
            is no such range.
    """
    file = open_checked(path, size, mtime_ns)
    try:
        span = byte_range(asked, size)
        first, last = span or (0, size - 1)
        headers = {
            "Accept-Ranges": "bytes",
            "Content-Length": str(last - first + 1),
            "Last-Modified": formatdate(mtime_ns / 1e9, usegmt=True),
            "ETag": f'"{size:x}-{mtime_ns:x}"',
            "Cache-Control": "private, no-cache",
        }
        if span:
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        kind = TYPES.get(os.path.splitext(path)[1].lower(), "application/octet-stream")  # noqa: PTH122
        status = 206 if span else 200
        if method == "HEAD":
            file.close()
            return Response(None, status, headers, kind)
        return StreamingResponse(pieces(file, first, last), status, headers, kind)
    except BaseException:
        file.close()
        raise


def open_checked(path: str, size: int, mtime_ns: int) -> BinaryIO:
    """The file, open, if it is still the one that was indexed.

    Raises:
        Refused: see `media`.
    """
    gone = Refused(404, "not_there", "the file is not there, or cannot be read")
    try:
        # without waiting: it may be a pipe by now
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        raise gone from None
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode) or (facts.st_size, facts.st_mtime_ns) != (size, mtime_ns):
        os.close(descriptor)
        raise Refused(
            409,
            "changed",
            "the file has changed since it was indexed",
            "index it again: fdaclip index PATH",
        )
    return os.fdopen(descriptor, "rb", buffering=0)


def byte_range(asked: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte that are wanted; None for the whole file (RFC 9110, section 14).

    Several ranges at once are answered with the whole, which is allowed.

    Raises:
        Refused: 416, the range lies outside the file.
    """
    found = RANGE.fullmatch(asked.replace(" ", "")) if asked else None
    if found is None or found[0] == "bytes=-":
        return None
    if not found[1]:  # the last so many
        first, last = max(size - int(found[2]), 0), size - 1
        outside = int(found[2]) == 0 or size == 0
    else:
        first, last = int(found[1]), min(int(found[2] or size - 1), size - 1)
        if found[2] and int(found[2]) < first:
            return None  # no range at all: to be ignored
        outside = first >= size
    if outside:
        raise Refused(416, "no_such_range", f"the file has {size} bytes")
    return first, last


async def pieces(file: BinaryIO, first: int, last: int) -> AsyncIterator[bytes]:
    """Bytes first to last, a chunk at a time; the file is closed at the end, however it comes."""
    try:
        file.seek(first)
        left = last - first + 1
        while left:
            piece = await to_thread.run_sync(file.read, min(CHUNK, left))
            if not piece:  # it was cut meanwhile; the client sees that bytes are wanting
                return
            left -= len(piece)
            yield piece
    finally:
        file.close()
