"""A whole video along a line: what moves in its moments, and how well each fits."""

from __future__ import annotations

from fastapi import APIRouter

from fdaclip.library import Library

from .. import wire
from ..asked import Moment, Sentence, query
from ..ids import moment_id
from .here import Here, VideoId

router = APIRouter(prefix="/videos", tags=["videos"])


@router.get("/{video}/timeline")
async def timeline(
    service: Here, video: VideoId, q: Sentence = "", like: Moment = ""
) -> wire.Timeline:
    """Its moments in order; with how well they fit, if something is asked."""
    row = await service.file(video)
    asked = await query(service, q, like) if q.strip() or like else None

    def work(library: Library) -> list[wire.TimelineMoment]:
        windows = library.moments_of(row.take)
        fits = None if asked is None else library.fits(asked, row.take)
        return [
            wire.TimelineMoment(
                id=moment_id(video, start, end),
                start=start,
                end=end,
                similarity=None if fits is None else fits[n][0],
                match="" if fits is None else fits[n][1],
                motion=float(windows.energy[n]),
                share=float(windows.share[n]),
                shot=int(windows.shot[n]),
            )
            for n, (start, end) in enumerate(
                zip(windows.start.tolist(), windows.end.tolist(), strict=True)
            )
        ]

    return wire.Timeline(duration=row.duration, moments=await service.read(work))
