"""What a search is asked, from the fields of an address or a form."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from fdaclip.library import Filters
from fdaclip.library import Query as Asked
from fdaclip.library.filters import span_of
from fdaclip.library.query import BadQuery

from .ids import MOMENT
from .service import Service

Sentence = Annotated[str, StringConstraints(max_length=1000)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00]+$")]
Moment = Annotated[str, StringConstraints(pattern=rf"^({MOMENT})?$")]
Length = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class Fields(BaseModel):
    """Of a search."""

    q: Sentence = Field("", description="What should be seen, in words.")
    without: list[Sentence] = Field([], max_length=10, description="What should not be seen.")
    like: Moment = Field("", description="More like this: the id of a moment.")
    limit: int = Field(24, ge=1, le=200, description="Hits.")
    after: str | None = Field(
        None, max_length=1 << 16, description="The next of the page before, asked alike."
    )
    group: Literal["moment", "video"] = Field("moment", description="One hit a moment or a video.")
    folder: list[Name] = Field([], max_length=50, description="Only files in or below these.")
    path: list[Name] = Field(
        [], max_length=50, description="Only files whose name matches one of these: *.mov."
    )
    since: str | None = Field(
        None, max_length=32, description="Filmed then or later: 2024, 2024-05, 2024-05-01T18:30."
    )
    until: str | None = Field(None, max_length=32, description="Filmed then or earlier.")
    longer: Length | None = Field(None, description="Least length of the video, s.")
    shorter: Length | None = Field(None, description="Most length of the video, s.")
    motion: Literal["moving", "still"] | None = Field(None, description="What the moment shows.")
    resolution: int | None = Field(
        None, ge=1, le=1 << 20, description="Least length of the picture's short side, px."
    )
    audio: bool | None = Field(None, description="Only with sound, or only without.")
    text: bool = Field(True, description="What captions, subtitles and names say counts as well.")
    exact: bool = Field(False, description="Compare all, also where the search is approximate.")

    def filters(self) -> Filters:
        """Raises BadFilter: nothing can pass them, or a date is none."""
        inf = float("inf")
        return Filters(
            paths=tuple(self.path),
            folders=tuple(self.folder),
            since=span_of(self.since)[0] if self.since else -inf,
            until=span_of(self.until)[1] if self.until else inf,
            longer=self.longer or 0.0,
            shorter=inf if self.shorter is None else self.shorter,
            resolution=self.resolution or 0,
            audio=self.audio,
            motion=self.motion,
        )


async def query(
    service: Service, q: str = "", like: str = "", without: list[str] | None = None, *more: Asked
) -> Asked:
    """A sentence, a moment of the library ("more like this"), what was sent; less what is unwanted.

    Raises:
        BadQuery: nothing is wanted. Refused: 404, there is no such moment.
    """
    asked = Asked(())
    if q.strip():
        asked += Asked.sentence(q.strip())
    if like:
        asked += Asked.like(await service.moment(like))
    for one in more:
        asked += one
    if not asked.parts:
        raise BadQuery("nothing is asked for", "say what should be seen: q=a dog runs")
    for sentence in without or ():
        if sentence.strip():
            asked -= Asked.sentence(sentence.strip())
    return asked
