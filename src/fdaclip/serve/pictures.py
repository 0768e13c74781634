"""Small pictures that were asked for lately, kept in memory."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response


class Picture(NamedTuple):
    """A JPEG, and what tells it from others."""

    data: bytes
    tag: str


def pictured(data: bytes) -> Picture:
    """A JPEG with its tag."""
    return Picture(data, f'"{hashlib.blake2b(data, digest_size=8).hexdigest()}"')


class Pictures:
    """The last ones, up to so many bytes; what was not asked for longest goes first."""

    def __init__(self, most: int) -> None:
        self._most, self._held = most, 0
        self._kept: OrderedDict[object, Picture] = OrderedDict()

    def get(self, name: object) -> Picture | None:
        """The picture of that name, if it is kept."""
        if name in self._kept:
            self._kept.move_to_end(name)
        return self._kept.get(name)

    def put(self, name: object, data: bytes) -> Picture:
        """Keep it; returns it."""
        if name in self._kept:
            self._held -= len(self._kept.pop(name).data)
        picture = pictured(data)
        self._kept[name] = picture
        self._held += len(data)
        while self._held > self._most and self._kept:
            self._held -= len(self._kept.popitem(last=False)[1].data)
        return picture


def jpeg(picture: Picture, request: Request, age: int = 300) -> Response:
    """The answer; without the picture if the client has it.

    Args:
        age: s for which a browser need not ask again.
    """
    headers = {"ETag": picture.tag, "Cache-Control": f"private, max-age={age}"}
    asked = request.headers.get("if-none-match", "")
    if picture.tag in (tag.strip().removeprefix("W/") for tag in asked.split(",")):
        return Response(None, 304, headers)
    return Response(picture.data, 200, headers, "image/jpeg")
