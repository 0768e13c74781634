"""``fdaclip search``: what is asked for becomes ranked moments."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .output import json_option, library_option, print_json, printable, say, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fdaclip.library import Filters, Hit, Query
    from fdaclip.library.place import Place

    Seconds = click.ParamType[float]
    Weighed = click.ParamType[tuple[str, list[float]]]
else:  # older versions of click have no generic types
    Seconds = Weighed = click.ParamType

COLOURS = {"strong": "green", "likely": "yellow", "weak": None, "": None}
KINDS = ("sentence", "image", "clip", "without")


class Length(Seconds):
    """Seconds, as ``90``, ``1:30`` or ``1:00:00``."""

    name = "TIME"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d+)?", value):
            self.fail(f"{value!r} is no length: write seconds or minutes:seconds", param, ctx)
        seconds = 0.0
        for part in value.split(":"):
            seconds = 60 * seconds + float(part)
        return seconds


class Weight(Weighed):
    """``image=0.5``, or with one number for each that is given: ``image=0.5,1``."""

    name = "KIND=NUMBER"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, list[float]]:
        if isinstance(value, tuple):
            return value
        kind, _, numbers = value.partition("=")
        try:
            weights = [float(number) for number in numbers.split(",")]
        except ValueError:
            weights = []
        if kind not in KINDS or not weights or not all(0 < one < float("inf") for one in weights):
            self.fail(f"{value!r} should be like image=0.5; kinds: {', '.join(KINDS)}", param, ctx)
        return kind, weights


@click.command(short_help="Find moments by a sentence, a picture or a clip.")
@click.argument("sentence", nargs=-1)
@click.option("--image", multiple=True, metavar="FILE", help="Ask with a picture, too.")
@click.option(
    "--clip",
    multiple=True,
    metavar="FILE[@FROM-TO]",
    help="Ask with a video or a part of it, too: a.mp4@1:05-1:12.",
)
@click.option("--without", multiple=True, metavar="SENTENCE", help="What should not be seen.")
@click.option(
    "--weight",
    "weights",
    multiple=True,
    type=Weight(),
    help="How much a part counts: sentence=2, image=0.5; clip=0.5,1 for the first and the second "
    "clip. Default: 1, and 0.5 for what is not wanted.",
)
@library_option
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="How many.")
@click.option("--after", metavar="TOKEN", help="Go on where an earlier search ended.")
@click.option("--by-video", is_flag=True, help="One hit a video, with its other moments.")
@click.option(
    "--merge/--no-merge",
    default=True,
    help="Show neighbouring windows that both fit as one moment (default), or each by itself.",
)
@click.option(
    "--fold/--no-fold",
    default=True,
    help="Show what looks the same once (default), or each by itself.",
)
@click.option(
    "--text/--no-text",
    default=True,
    help="Let captions, subtitles and file names count as well (default), or only what is seen.",
)
@click.option(
    "--path",
    "paths",
    multiple=True,
    metavar="PATTERN",
    help="Only files whose name matches, or whose whole path if it holds a slash: '*.mov'. "
    "Given several times, any of them.",
)
@click.option(
    "--folder", "folders", multiple=True, metavar="FOLDER", help="Only files in or below it."
)
@click.option(
    "--since", metavar="DATE", help="Filmed then or later: 2024, 2024-05, 2024-05-01T18:30."
)
@click.option("--until", metavar="DATE", help="Filmed then or earlier.")
@click.option("--longer", type=Length(), help="Only videos at least so long: 90, 1:30.")
@click.option("--shorter", type=Length(), help="Only videos at most so long.")
@click.option(
    "--moving/--still",
    "moving",
    default=None,
    help="Only moments in which something moves in at least half of the frames, or only others.",
)
@click.option(
    "--min-share",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Only moments in which at least this share of the picture moves: 0.05.",
)
@click.option(
    "--max-share", type=click.FloatRange(0, 1), metavar="SHARE", help="The same: at most."
)
@click.option(
    "--resolution",
    type=click.IntRange(1),
    metavar="PIXELS",
    help="Only videos whose short side has at least so many: 1080.",
)
@click.option("--audio/--silent", "audio", default=None, help="Only with sound, or only without.")
@click.option(
    "--page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the hits as a page of pictures (one HTML file): frames, masks, scores.",
)
@click.option(
    "--model",
    metavar="FOLDER",
    help="Where the library's model is, if it is no longer where it was.",
)
@click.option(
    "--exact",
    is_flag=True,
    help="Compare all moments, also in a library so large that the search is approximate.",
)
@json_option
def command(
    sentence: tuple[str, ...],
    image: tuple[str, ...],
    clip: tuple[str, ...],
    without: tuple[str, ...],
    weights: tuple[tuple[str, list[float]], ...],
    library: Place,
    limit: int,
    after: str | None,
    by_video: bool,
    merge: bool,
    fold: bool,
    text: bool,
    page: Path | None,
    model: str | None,
    exact: bool,
    as_json: bool,
    **narrowing: Any,
) -> None:
    """Print the moments that fit best what is asked for: a sentence, a picture, a clip, or several.

    A line says how sure it is that the moment is meant (strong, likely or weak, and the share of
    sentences about nothing in the library that would do worse), its score (the cosine), when it is,
    how much of the picture moves, and where. What looks the same is told below it. Files that are
    missing are not searched.

    \b
    fdaclip search waves --without surfer --image beach.jpg
    fdaclip search --clip holiday.mp4@1:05-1:12 --by-video
    fdaclip search "a dog runs" --since 2024-05 --moving --resolution 1080
    """
    from .encoders import open_for_searching

    if page and not page.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {str(page.parent)!r}", param_hint="'--page'")
    given = {"sentence": (" ".join(sentence),) if sentence else (), "image": image, "clip": clip}
    query = asked({**given, "without": without}, dict(weights))
    opened = open_for_searching(library, model)
    found = opened.search_page(
        query,
        limit,
        after=after,
        exact=exact,
        filters=filters(**narrowing),
        by_video=by_video,
        merge=merge,
        fold=fold,
        text=text,
    )
    if page:
        from fdaclip.library import write_page

        write_page(page, {str(query): found.hits}, nothing=found.nothing)
        say(f"wrote {printable(page)}")
    if as_json:
        print_json(list(found.hits))
    else:
        if not found.hits:
            say(nothing_found(after, any(value not in (None, ()) for value in narrowing.values())))
        elif found.nothing:
            say("nothing here looks like that; nearest:")
        show(found.hits)
    if found.next:
        say(f"more: the same with --after {found.next}")


def asked(given: dict[str, tuple[str, ...]], weights: dict[str, list[float]]) -> Query:
    """All that was given as one query.

    Raises:
        UsageError: nothing is wanted, or there are more weights than things.
    """
    from fdaclip.library.query import WITHOUT, Query, parsed_clip

    make = {
        "sentence": Query.sentence,
        "image": Query.image,
        "clip": parsed_clip,
        "without": Query.sentence,
    }
    query = Query(())
    for kind in KINDS:
        if kind in weights and not given[kind]:
            raise click.UsageError(f"--weight {kind}=… weighs nothing: none is given")
        own = weights.get(kind, [WITHOUT if kind == "without" else 1.0])
        if len(own) > max(1, len(given[kind])):
            raise click.UsageError(f"more weights than there are: {kind}={own}")
        for number, thing in enumerate(given[kind]):
            weight = own[min(number, len(own) - 1)]
            query += (-weight if kind == "without" else weight) * make[kind](thing)
    if not any(part.weight > 0 for part in query.parts):
        raise click.UsageError("say what to look for: a sentence, --image or --clip")
    return query


def filters(
    paths: tuple[str, ...],
    folders: tuple[str, ...],
    since: str | None,
    until: str | None,
    longer: float | None,
    shorter: float | None,
    moving: bool | None,
    min_share: float | None,
    max_share: float | None,
    resolution: int | None,
    audio: bool | None,
) -> Filters:
    """What was asked of moments and their files."""
    from fdaclip.library.filters import Filters, span_of

    inf = float("inf")
    return Filters(
        paths=paths,
        folders=folders,
        since=span_of(since)[0] if since else -inf,
        until=span_of(until)[1] if until else inf,
        longer=longer or 0.0,
        shorter=inf if shorter is None else shorter,
        resolution=resolution or 0,
        audio=audio,
        motion=None if moving is None else "moving" if moving else "still",
        share=(min_share or 0.0, 1.0 if max_share is None else max_share),
    )


def nothing_found(after: str | None, narrowed: bool) -> str:
    """Why there are no hits at all."""
    if after:
        return "no more"
    if narrowed:
        return "nothing passes these filters; hint: ask with fewer of them"
    return "the library holds no moments yet; hint: fdaclip index PATHS"


def show(hits: Sequence[Hit]) -> None:
    """A line a hit, in columns, and below it what belongs to it."""
    times = [span(hit.start, hit.end) for hit in hits]
    wide = max((len(one) for one in times), default=0)
    for rank, (hit, time) in enumerate(zip(hits, times, strict=True), 1):
        away = click.style("  offline", fg="red") if hit.offline else ""
        click.echo(
            f"{rank:3d}  {sureness(hit)}{click.style(f'{hit.score:.3f}', bold=True)}  "
            f"{time:>{wide}}  {hit.share:4.0%} moves  {printable(hit.path)}{away}"
        )
        indent = " " * (5 + (13 if hit.match else 0))
        for line in below(hit):
            click.echo(indent + click.style(line, dim=True))


def sureness(hit: Hit) -> str:
    """``likely  82%  ``; nothing where it is not known."""
    if hit.confidence is None:
        return ""
    return click.style(f"{hit.match:6} {hit.confidence:4.0%}", fg=COLOURS[hit.match]) + "  "


def below(hit: Hit) -> list[str]:
    """Copies, what looks the same, other moments, and words that matched."""
    lines = []
    if hit.text:  # a name is on the line above already
        lines.append(f"says “{printable(hit.text)}”" if hit.text_span else "found by its name")
    lines += [f"copy: {printable(path)}" for path in hit.also]
    lines += [f"also in {printable(one.path)}  {span(one.start, one.end)}" for one in hit.alike]
    for other in hit.others:
        word = f"  {other.match}" if other.match else ""
        lines.append(f"and {span(other.start, other.end)}  {other.score:.3f}{word}")
    return lines
