"""Why a moment matched: what moves in its frames, and where the model saw what was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from fdaclip.library import Library
from fdaclip.library.names import from_key

from .. import wire
from ..asked import Moment, Sentence, query
from ..guard import Refused
from ..ids import parsed
from ..media import open_checked
from ..pictures import Picture, jpeg, pictured
from ..relevance_pictures import LAYERS, jpegs
from ..service import Service
from ..told import BASE
from ..why import Why, explained
from ..wire import Layer
from .here import Here, MomentId
from .moments import JPEG

router = APIRouter(prefix="/moments", tags=["moments"])
FRAMES = 4  # shown of a moment: where places are covered, each takes some seventy passes


@dataclass(frozen=True)
class Told:
    """Why a moment matched, and the pictures of it by frame and layer."""

    why: Why
    pictures: list[dict[Layer, Picture]]


@router.get("/{moment}/why")
async def why(
    service: Here,
    moment: MomentId,
    q: Sentence = "",
    like: Moment = "",
    without: Annotated[list[Sentence] | None, Query(max_length=10)] = None,
) -> wire.Why:
    """Of the window of the moment that fits what is asked best; takes seconds the first time."""
    told = await _told(service, moment, q, like, without)
    asked = urlencode(
        [(n, v) for n, v in (("q", q), ("like", like)) if v]
        + [("without", one) for one in without or ()]
    )
    return wire.Why(
        score=told.why.score,
        score_without_mask=told.why.score_without_mask,
        method=told.why.method,
        frames=[
            wire.WhyFrame(
                time=frame.time,
                kind=frame.kind,
                **{name: f"{BASE}/moments/{moment}/why/{n}/{name}.jpg?{asked}" for name in LAYERS},
            )
            for n, frame in enumerate(told.why.frames)
        ],
    )


@router.get("/{moment}/why/{number}/{layer}.jpg", response_class=Response, responses=JPEG)
async def picture(
    service: Here,
    request: Request,
    moment: MomentId,
    number: Annotated[int, Path(ge=0, lt=FRAMES)],
    layer: Layer,
    q: Sentence = "",
    like: Moment = "",
    without: Annotated[list[Sentence] | None, Query(max_length=10)] = None,
) -> Response:
    """A frame as it is, under its mask, or under its relevance."""
    told = await _told(service, moment, q, like, without)
    if number >= len(told.pictures):
        raise Refused(404, "no_such_frame", "the moment has no such frame")
    return jpeg(told.pictures[number][layer], request)


async def _told(
    service: Service, moment: str, q: str, like: str, without: list[str] | None
) -> Told:
    """Made once for a question.

    Raises:
        BadQuery: nothing is asked. Refused: 404, there is no such moment; 409, its file has
            changed; 503, too many ask. LibraryError: it cannot be decoded.
    """
    hit = await service.moment(moment)
    asked = await query(service, q, like, without)
    stretch = parsed(moment)
    assert stretch is not None  # the moment was found
    row = await service.file(stretch.video)
    path = from_key(row.path)

    def work(library: Library) -> Told:
        open_checked(path, row.size, row.mtime_ns).close()
        vector = library.query_vector(asked)
        windows = library.moments_of(hit.take)
        starts = {start for start, _ in hit.spans}
        inside = [n for n, start in enumerate(windows.start.tolist()) if start in starts]
        best = max(inside, key=lambda n: float(windows.vectors[n] @ vector))
        start, end = float(windows.start[best]), float(windows.end[best])
        found = explained(library.encoder(), path, start, end, vector, FRAMES)
        return Told(found, [_pictures(found, n) for n in range(len(found.frames))])

    name = moment, asked, row.mtime_ns, (await service.catalogue()).state
    found: Told = await service.whys.get(name, lambda: service.labour(work))
    return found


def _pictures(found: Why, number: int) -> dict[Layer, Picture]:
    return {layer: pictured(data) for layer, data in jpegs(found, number).items()}
