"""``fdaclip search``: a sentence becomes ranked moments."""

from __future__ import annotations

from pathlib import Path

import click

from .output import json_option, library_option, print_json, printable, say, span


@click.command(short_help="Find moments by a sentence.")
@click.argument("sentence", nargs=-1, required=True)
@library_option
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="How many.")
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
@json_option
def command(
    sentence: tuple[str, ...],
    library: Path,
    limit: int,
    page: Path | None,
    model: str | None,
    as_json: bool,
) -> None:
    """Print the moments that fit a sentence best: score, time, how much of it moves, path.

    The score is the cosine of sentence and moment. Files that are missing are not searched.
    """
    from .encoders import open_for_searching

    query = " ".join(sentence)
    opened = open_for_searching(library, model)
    hits = opened.search(query, limit)
    if page:
        from fdaclip.library import write_page

        write_page(page, {query: hits})
        say(f"wrote {printable(page)}")
    if as_json:
        print_json(hits)
        return
    if not hits:
        say("the library holds no moments yet; hint: fdaclip index PATHS")
    for rank, hit in enumerate(hits, 1):
        score = click.style(f"{hit.score:.3f}", bold=True)
        times = f"{span(hit.start, hit.end):>13}"
        also = f"  (+{len(hit.also)} copies)" if hit.also else ""
        click.echo(
            f"{rank:3d}  {score}  {times}  {hit.share:4.0%} moves  {printable(hit.path)}{also}"
        )
