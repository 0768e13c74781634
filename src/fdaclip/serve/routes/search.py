"""Searching: by a sentence, by a moment of the library, by a picture or clip that is sent."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from fdaclip.library import Query as Asked
from fdaclip.library.ask import Ask
from fdaclip.library.names import to_key

from .. import told, wire
from ..asked import Fields, query
from ..guard import Refused
from ..service import Service
from ..uploads import asked_with
from .here import Here

router = APIRouter(tags=["search"])
LISTS = ("without", "folder", "path")
SENT = ("image", "clip")


@router.get("/search")
async def search(service: Here, fields: Annotated[Fields, Query()]) -> wire.Found:
    """Moments that fit a sentence, or another moment, best first."""
    began = time.perf_counter()
    asked = await query(service, fields.q, fields.like, fields.without)
    return await found(service, asked, fields, began)


_FORM: dict[str, Any] = Fields.model_json_schema()
_FORM["title"] = "SearchForm"
for _name in SENT:
    _FORM["properties"][_name] = {"type": "string", "format": "binary"}


@router.post(
    "/search",
    openapi_extra={
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}
    },
)
async def search_with(service: Here, request: Request) -> wire.Found:
    """The same with a picture or a clip that is sent, alone or beside a sentence."""
    began = time.perf_counter()
    async with service.uploads.place(), service.form(request) as form:
        fields = _fields(form)
        sent = [
            await _sent(service, value, name) for name, value in form.multi_items() if name in SENT
        ]
        asked = await query(service, fields.q, fields.like, fields.without, *sent)
        return await found(service, asked, fields, began)


def _fields(form: FormData) -> Fields:
    """Raises RequestValidationError: they are not as they should be."""
    given: dict[str, Any] = {}
    for name, value in form.multi_items():
        if name in LISTS:
            given.setdefault(name, []).append(value)
        elif name not in SENT and value != "":
            given[name] = value
    try:
        return Fields.model_validate(given)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from None


async def _sent(service: Service, value: UploadFile | str, name: str) -> Asked:
    if not isinstance(value, UploadFile):
        raise Refused(400, "no_file", f"{name} is to be a file")
    encoder = await service.labour(lambda library: library.encoder())
    window = service.library.stamp.window
    async with service.heavy.place():
        return await asked_with(value, "image" if name == "image" else "clip", encoder, window)


async def found(service: Service, asked: Asked, fields: Fields, began: float) -> wire.Found:
    """The answer.

    Args:
        began: when it was asked, s.
    """
    page = await service.search(
        Ask(
            asked,
            fields.limit,
            after=fields.after,
            exact=fields.exact,
            filters=fields.filters(),
            by_video=fields.group == "video",
            text=fields.text,
        )
    )
    catalogue = await service.catalogue()
    if any(to_key(hit.path) not in catalogue.by_path for hit in page.hits):
        catalogue = await service.catalogue(fresh=True)  # it was added this instant
    return wire.Found(
        query=str(asked).encode("utf-8", "replace").decode(),
        nothing=page.nothing,
        took_ms=1000 * (time.perf_counter() - began),
        hits=[told.hit(hit, catalogue) for hit in page.hits],
        next=page.next,
        searched=catalogue.moments,
    )
