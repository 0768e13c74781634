"""``fdaclip export``: moments become files of their own, or lists for editors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .output import (
    ERROR,
    OK,
    SOME_BAD,
    json_option,
    library_option,
    print_json,
    printable,
    say,
    span,
)
from .progress import watching

if TYPE_CHECKING:
    from fdaclip.library.export import Cut, Cuts, Excerpt, NotCut
    from fdaclip.library.place import Place

TOLD = 0.05  # s by which a cut differs from what was asked for


@click.command(short_help="Cut moments out of their videos, or list them for an editor.")
@click.argument("what", nargs=-1, metavar="[SENTENCE | PATH@START-END]...")
@library_option
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="How many.")
@click.option(
    "--from",
    "source",
    type=click.File("r", encoding="utf-8"),
    metavar="FILE|-",
    help="Take the moments from a list as `fdaclip search --json` prints it; - is stdin.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Cut the moments into files there.",
)
@click.option(
    "--list",
    "listed",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="List the moments: .json, .csv, .edl (CMX 3600) or .fcpxml, as the name ends.",
)
@click.option(
    "--lossless/--exact",
    "lossless",
    default=True,
    help="Copy from the keyframe at or before the start, without loss (the default), or encode "
    "anew (H.264 and AAC in MP4) to cut at the frame.",
)
@click.option(
    "--crf",
    type=click.IntRange(0, 51),
    default=18,
    show_default=True,
    help="Quality of --exact; smaller is better and larger.",
)
@click.option(
    "--preset",
    type=click.Choice(["ultrafast", "veryfast", "fast", "medium", "slow", "veryslow"]),
    default="medium",
    show_default=True,
    help="Speed of --exact against size.",
)
@click.option("--force", is_flag=True, help="Replace files that are there already.")
@click.option(
    "--model",
    metavar="FOLDER",
    help="Where the library's model is, if it is no longer where it was.",
)
@json_option
def command(
    what: tuple[str, ...],
    library: Place,
    limit: int,
    source: Any,
    out: Path | None,
    listed: Path | None,
    lossless: bool,
    crf: int,
    preset: str,
    force: bool,
    model: str | None,
    as_json: bool,
) -> int:
    """Cut moments out of their videos into --out, or write them as a --list, or both.

    The moments are those that a sentence finds in the library, those named as PATH@START-END (s,
    M:SS or H:MM:SS), and those of a list; they may be mixed. Nothing is overwritten without
    --force, and the videos themselves are never touched.

    \b
    fdaclip export "a dog runs" --limit 5 --out dogs
    fdaclip export beach.mp4@1:05-1:12.5 --exact --out cuts
    fdaclip search "a dog runs" --json | fdaclip export --from - --list dogs.edl
    """
    from fdaclip.library.export import Cuts, Quality, cut_all, write_list

    if out is None and listed is None:
        raise click.UsageError("say where to: --out FOLDER, --list FILE, or both")
    wanted = moments(what, source, library, limit, model)
    if not wanted:
        say("no moments to export")
        return OK
    cuts, unlisted = Cuts(), list["NotCut"]()
    if listed is not None:
        unlisted = write_list(wanted, listed, force=force)
        say(f"wrote {printable(listed)}, {len(wanted) - len(unlisted)} moments")
    if out is not None:
        quality = Quality(crf, preset)
        with watching() as (show, _):
            cuts = cut_all(
                wanted,
                out,
                exact=not lossless,
                quality=quality,
                force=force,
                progress=lambda done, of: show(done, of, f"{int(done)}/{of} moments"),
            )
    failed = list(
        {(one.path, one.start, one.end): one for one in (*unlisted, *cuts.failed)}.values()
    )
    for one in failed:
        say(
            f"not exported: {printable(one.path)} {span(one.start, one.end)}: "
            f"{printable(one.reason)}"
        )
    show_cuts(cuts, failed, as_json)
    if failed and out is not None and not cuts.made:
        return ERROR
    return SOME_BAD if failed else OK


def moments(
    what: tuple[str, ...], source: Any, library: Place, limit: int, model: str | None
) -> list[Excerpt]:
    """What is asked for: the named parts first, then the list's, then what a sentence finds."""
    from fdaclip.library.export import parse, read_json
    from fdaclip.library.export.excerpts import distinct

    from .encoders import open_for_searching

    found, words = list[Any](), list[str]()
    for one in what:
        excerpt = parse(one)
        if excerpt is None:
            words.append(one)
        else:
            found.append(excerpt)
    if source is not None:
        found += read_json(source.read())
    if words:
        found += open_for_searching(library, model).search(" ".join(words), limit)
    if not what and source is None:
        raise click.UsageError("say what: a sentence, PATH@START-END, or --from FILE")
    return distinct(found)


def show_cuts(cuts: Cuts, failed: list[NotCut], as_json: bool) -> None:
    """The files that were made, and how they differ from what was asked for."""
    if as_json:
        print_json({"made": [shown(one) for one in cuts.made], "failed": failed})
        return
    for one in cuts.made:
        click.echo(f"{printable(one.file)}  {span(*one.holds)}{differs(one)}")
        for track in one.left_out:
            say(f"{printable(one.file)}: without {track}, which its container cannot hold")


def shown(one: Cut) -> dict[str, Any]:
    """A cut as JSON."""
    return {
        "path": one.path,
        "start": one.start,
        "end": one.end,
        "file": one.file,
        "holds": one.holds,
        "early": round(one.early, 6),
        "late": round(one.late, 6),
        "left_out": one.left_out,
    }


def differs(one: Cut) -> str:
    """``  (begins 2.4 s early, ends 0.1 s late)``; nothing where it is as asked for."""
    begins, ends = one.early, one.late
    parts = []
    if abs(begins) >= TOLD:
        parts.append(f"begins {abs(begins):.1f} s {'early' if begins > 0 else 'late'}")
    if abs(ends) >= TOLD:
        parts.append(f"ends {abs(ends):.1f} s {'late' if ends > 0 else 'early'}")
    return f"  ({', '.join(parts)})" if parts else ""
