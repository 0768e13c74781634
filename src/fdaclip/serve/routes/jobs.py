"""Indexing, asked for from outside: to begin it, to follow it, to stop it."""

# Paths are strings here: os loses none of their bytes.
# ruff: noqa: PTH100, PTH111, PTH117

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from starlette.responses import StreamingResponse

from fdaclip.library.names import from_key

from .. import wire
from ..guard import Refused
from ..jobs import Job
from ..service import Service
from ..told import BASE
from .here import Here

router = APIRouter(prefix="/jobs", tags=["jobs"])
JobId = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="The id of a job.")]
LOOK = 0.25  # s between two looks at a job
QUIET = 15.0  # s after which a word is sent lest somebody on the way hangs up
SHOWN = 200  # characters of a path in an error
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"text/event-stream": {}},
        "description": "Events `progress`, and `end` as the last; their data is a Job.",
    }
}


@router.get("")
async def jobs(service: Here) -> wire.Jobs:
    """Those of this server, as long as it runs; the last 50."""
    return service.jobs.told()


@router.post("", status_code=202)
async def start(service: Here, asked: wire.JobRequest, answer: Response) -> wire.Job:
    """Index files and folders of the server's machine; one job at a time.

    Known files that are unchanged take no time. What is indexed can be searched from then on, and
    had by whoever is answered.
    """
    if service.read_only:
        raise Refused(
            403, "read_only", "nothing can be added here", "the server was started with --read-only"
        )
    if not (asked.paths or asked.videos or asked.retry):
        raise Refused(422, "nothing_asked", "name what is to be indexed", "paths, videos or retry")
    paths = await asyncio.to_thread(_there, asked.paths)
    paths += [from_key((await service.file(video)).path) for video in asked.videos]
    job = service.jobs.start(paths, asked.retry).told
    answer.headers["Location"] = f"{BASE}/jobs/{job.id}"
    return job


@router.get("/{job}")
async def job(service: Here, job: JobId) -> wire.Job:
    """How far it is, or what it has done."""
    return service.jobs.get(job).told


@router.delete("/{job}", status_code=202)
async def stop(service: Here, job: JobId) -> wire.Job:
    """Stop it: what is finished is written first. Of one that has ended: nothing is done."""
    found = service.jobs.get(job)
    found.stop()
    return found.told


@router.get("/{job}/events", response_class=StreamingResponse, responses=EVENTS)
async def events(service: Here, job: JobId) -> Response:
    """How far it is, whenever that has changed, until it has ended."""
    found = service.jobs.get(job)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return await service.stream(
        lambda: StreamingResponse(
            followed(found, service), headers=headers, media_type="text/event-stream"
        ),
        service.followers,
    )


async def followed(job: Job, service: Service) -> AsyncIterator[str]:
    """The events; none after the end of the job, or when the server is about to end."""
    last, when = None, time.monotonic()
    while not service.draining.is_set():
        told = job.told
        if told is not last:
            event = "end" if told.ended is not None else "progress"
            yield f"event: {event}\ndata: {told.model_dump_json()}\n\n"
            last, when = told, time.monotonic()
            if event == "end":
                return
        elif time.monotonic() - when >= QUIET:
            yield ": here\n\n"
            when = time.monotonic()
        await asyncio.sleep(LOOK)


def _there(given: Sequence[str]) -> list[str]:
    """Absolute paths of what is there.

    Raises:
        Refused: 422, one cannot be a whole path; 404, there is nothing of that name.
    """
    paths = []
    for one in given:
        whole = os.path.expanduser(one)
        name = ascii(one if len(one) <= SHOWN else one[:SHOWN] + "…")
        if not os.path.isabs(whole) or "\0" in whole:
            raise Refused(
                422,
                "not_absolute",
                f"{name} is no absolute path",
                "name it whole, as /home/me/Videos or ~/Videos",
            )
        path = os.path.abspath(whole)
        if not os.path.lexists(path):
            raise Refused(
                404,
                "no_such_path",
                f"there is no {name} on the server's machine",
                "nothing was indexed; mend the path",
            )
        paths.append(path)
    return paths
