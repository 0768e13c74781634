"""``fdaclip index``: add videos to a library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output import (
    INTERRUPTED,
    OK,
    SOME_BAD,
    clock,
    json_option,
    library_option,
    print_json,
    printable,
    say,
)

if TYPE_CHECKING:
    from fdaclip.library import AddReport


@click.command(short_help="Add videos to a library, or update it.")
@click.argument("paths", nargs=-1, required=True, type=click.Path())
@library_option
@click.option(
    "--model",
    metavar="NAME|FOLDER",
    help="The model: a known name, a hub id, a folder, or `starter`, which needs no hub. Default: "
    "the library's own; for a new library CLIP ViT-B/32 if it is on this machine, else you are "
    "told what there is to choose.",
)
@click.option("--download", is_flag=True, help="Fetch the model if it is not on this machine.")
@click.option("--retry", is_flag=True, help="Try bad and partial files again.")
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    help="Decoders at work. Default: one a processor.",
)
@json_option
def command(
    paths: tuple[str, ...],
    library: Path,
    model: str | None,
    download: bool,
    retry: bool,
    processes: int | None,
    as_json: bool,
) -> int:
    """Add files, folders (whole) and globs to a library; it is created if there is none.

    Only what is new or changed is decoded; moved files are recognised. A bad file never stops the
    run: it is recorded with its reason, and tried again when it changes or with --retry. Stop it at
    any time (Ctrl-C) and run it again: it goes on from there.
    """
    from fdaclip.library import Interrupted

    from .encoders import open_for_adding
    from .progress import adding

    opened = open_for_adding(paths, library, model, download)
    try:
        with adding() as show:
            report = opened.add(paths, retry=retry, processes=processes, progress=show)
    except Interrupted as interrupted:
        report = interrupted.report
    for name, failures in (("partial", report.partial), ("bad", report.bad)):
        for failure in failures:
            say(f"{name}: {printable(failure.path)}: {printable(failure.reason)}")
    if as_json:
        print_json(report)
    else:
        click.echo(summary(report))
        if report.known_bad and not retry:
            say(f"{report.known_bad} files were bad before; see fdaclip status, or --retry")
    if report.interrupted:
        say("interrupted; what is finished is kept, run the same command again for the rest")
        return INTERRUPTED
    return SOME_BAD if report.bad or report.partial else OK


def summary(report: AddReport) -> str:
    """``12 videos indexed (34 moments, 5:10 of video in 31 s, 10.0× real time), 3 unchanged``."""
    parts = []
    if report.encoded:
        parts.append(
            f"{report.encoded} videos indexed ({report.moments} moments, "
            f"{clock(report.seconds)} of video in {report.elapsed:.0f} s, "
            f"{report.seconds / max(report.elapsed, 1e-9):.1f}× real time)"
        )
    for count, what in (
        (report.unchanged, "unchanged"),
        (report.touched, "touched but the same"),
        (report.moved, "moved"),
        (report.duplicates, "with the same content as another"),
        (len(report.partial), "partial"),
        (len(report.bad), "bad"),
        (report.missing, "missing"),
    ):
        if count:
            parts.append(f"{count} {what}")
    return ", ".join(parts) or "no videos found"
