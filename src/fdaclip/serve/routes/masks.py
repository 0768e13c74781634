"""Masks under settings that people turn, of a video of the library or one that is sent."""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import FormData, UploadFile

from fdaclip.motion import MotionConfig

from .. import wire
from ..guard import Refused
from ..ids import VIDEO
from ..masks import FRAMES, LONGEST, config_of, decoded, masks_of, settings
from ..service import Service
from ..uploads import kept
from .here import Here

router = APIRouter(prefix="/masks", tags=["masks"])


@router.get("")
async def controls() -> list[wire.Setting]:
    """The settings there are."""
    return settings()


def _form() -> dict[str, Any]:
    """The form as OpenAPI tells it."""
    kinds = {"number": "number", "integer": "integer", "boolean": "boolean", "choice": "string"}
    fields: dict[str, Any] = {
        "upload": {"type": "string", "format": "binary", "description": "A video file, or:"},
        "video": {"type": "string", "pattern": f"^{VIDEO}$", "description": "The id of one."},
        "start": {"type": "number", "minimum": 0, "default": 0, "description": "s"},
        "end": {"type": "number", "minimum": 0, "description": f"s, {LONGEST:g} s on at most."},
        "frames": {"type": "integer", "minimum": 1, "maximum": FRAMES, "default": 6},
    }
    for one in settings():
        told = {"default": one.default, "description": one.help}
        fields[one.name] = {"type": kinds[one.kind], **told}
        if one.choices:
            fields[one.name]["enum"] = one.choices
    return {"title": "MasksForm", "type": "object", "properties": fields}


@router.post(
    "",
    openapi_extra={
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _form()}}}
    },
)
async def masks(service: Here, request: Request) -> wire.Masks:
    """What moves in some frames of a stretch: of a video that is sent, or of the library's."""
    began = time.perf_counter()
    async with service.uploads.place(), service.form(request) as form:
        config = config_of({n: v for n, v in form.multi_items() if isinstance(v, str)})
        start, end = _number(form, "start", 0.0), _number(form, "end", math.inf)
        frames = round(_number(form, "frames", 6))
        if not 1 <= frames <= FRAMES:
            raise Refused(422, "not_valid", f"frames must be 1 to {FRAMES}, not {frames}")
        span = start, None if math.isinf(end) else end, frames, config.source == "codec"
        upload = form.get("upload")
        if isinstance(upload, UploadFile) and upload.size:
            found = await _of_upload(service, upload, span, config)
        else:
            found = await _of_video(service, str(form.get("video") or ""), span, config)
    return wire.Masks(frames=found, took_ms=1000 * (time.perf_counter() - began))


Span = tuple[float, float | None, int, bool]


async def _of_video(
    service: Service, video: str, span: Span, config: MotionConfig
) -> list[wire.MaskFrame]:
    if not video:
        raise Refused(422, "not_valid", "no video is named, and none is sent")
    row, path = await service.decodable(video)
    return await _masks(service, (video, row.mtime_ns, span), Path(path), span, config)


async def _of_upload(
    service: Service, upload: UploadFile, span: Span, config: MotionConfig
) -> list[wire.MaskFrame]:
    async with kept(upload, service.limits.upload) as path:
        digest = await asyncio.to_thread(_digest, path)
        return await _masks(service, (digest, span), path, span, config)


async def _masks(
    service: Service, name: object, path: Path, span: Span, config: MotionConfig
) -> list[wire.MaskFrame]:
    """Decoded once for all settings."""

    async def decode() -> Any:
        return await asyncio.to_thread(decoded, path, *span)

    async with service.heavy.place():
        clip = await service.clips.get(name, decode)
        return await asyncio.to_thread(masks_of, clip, config)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def _number(form: FormData, name: str, default: float) -> float:
    text = form.get(name)
    if text is None or text == "":
        return default
    try:
        value = float(text) if isinstance(text, str) else math.nan
    except ValueError:
        value = math.nan
    if not 0 <= value < 1e7:
        raise Refused(422, "not_valid", f"{name} must be a number from 0 on")
    return value
