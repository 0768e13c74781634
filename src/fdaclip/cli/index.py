"""``fdaclip index``: add videos to a library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from .encoders import guidance_options, runtime_options
from .output import (
    INTERRUPTED,
    OK,
    SOME_BAD,
    Fault,
    json_option,
    library_option,
    print_json,
    printable,
    say,
)

if TYPE_CHECKING:
    from fdaclip.library import AddReport, Library
    from fdaclip.library.place import Place
    from fdaclip.model import Encoder
    from fdaclip.model.attention import AttentionBias
    from fdaclip.model.prune import Prune


@click.command(short_help="Add videos to a library, or update it.")
@click.argument("paths", nargs=-1, type=click.Path())
@library_option
@click.option(
    "--model",
    metavar="NAME|FOLDER",
    help="The model: a known name, a hub id, a folder, or `starter`, which needs no hub. Default: "
    "the library's own; for a new library CLIP ViT-B/32 if it is on this machine, else you are "
    "told what there is to choose.",
)
@runtime_options()
@click.option(
    "--window",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Length of a moment in a new library. Default: 8.",
)
@click.option(
    "--shots/--no-shots",
    default=None,
    help="In a new library, let moments begin and end at hard cuts, or cut videos evenly whatever "
    "they show. Default: at cuts.",
)
@click.option(
    "--anchored/--exact-frames",
    default=None,
    help="In a new library, of each stretch of a video take its keyframe if it has one, which "
    "about halves decoding where keyframes are dense, or the frame at its very centre. Default: "
    "what the model says.",
)
@guidance_options
@click.option("--download", is_flag=True, help="Fetch the model if it is not on this machine.")
@click.option(
    "--retry",
    is_flag=True,
    help="Try bad and partial files again; without PATHS, all that the library knows.",
)
@click.option(
    "--reindex",
    is_flag=True,
    help="Index all that the library knows anew, with another --model, --window and so on. The old "
    "one is searched until the new one is complete and takes its place, and kept besides.",
)
@click.option(
    "--leave-offline",
    is_flag=True,
    help="With --reindex: go on without the files whose disks are not mounted.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    help="Decoders at work. Default: one a processor.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="ray: the same stages as a Ray Data pipeline, over a cluster or this machine.",
)
@click.option(
    "--address",
    metavar="HOST:PORT",
    help="Of the Ray cluster: `auto`, HOST:6379 or ray://HOST:10001. Default: Ray is started here, "
    "for this run.",
)
@json_option
def command(
    paths: tuple[str, ...],
    library: Place,
    model: str | None,
    precision: str,
    runtime: str,
    window: float | None,
    shots: bool | None,
    anchored: bool | None,
    prune: Prune | None,
    attention: AttentionBias | None,
    download: bool,
    retry: bool,
    reindex: bool,
    leave_offline: bool,
    processes: int | None,
    engine: Literal["local", "ray"],
    address: str | None,
    as_json: bool,
) -> int:
    """Add files, folders (whole) and globs to a library; it is created if there is none.

    Only what is new or changed is decoded; moved files are recognised. A bad file never stops the
    run: it is recorded with its reason, and tried again when it changes or with --retry. Stop it at
    any time (Ctrl-C) and run it again: it goes on from there.
    """
    from fdaclip.library import Interrupted, Library

    from .encoders import load_for_reindexing, open_for_adding
    from .progress import adding

    if address and engine != "ray":
        raise click.UsageError("--address is of a Ray cluster: it goes with --engine ray")
    if leave_offline and not reindex:
        raise click.UsageError("--leave-offline goes with --reindex")
    if reindex:
        if engine != "local":
            raise click.UsageError("--reindex runs on this machine alone, without --engine ray")
        if paths or retry:
            raise click.UsageError(
                "--reindex takes neither PATHS nor --retry: it is of all that the library knows"
            )
        ways = {"anchored": anchored, "attention": attention, "prune": prune}
        whole = Library(library)
        encoder, name = load_for_reindexing(
            whole.stamp, model, download, runtime=runtime, precision=precision, **ways
        )
        return reindexed(
            whole, encoder, name, window, shots, leave_offline, processes, as_json=as_json
        )
    if not paths and retry:
        paths = tuple(Library(library).status().failed)
        if not paths:
            say("no file of the library is bad or partial")
    elif not paths:
        raise click.UsageError("name files or folders to index")
    refuse_other_ways(library, anchored, attention, prune)
    opened = open_for_adding(
        paths,
        library,
        model,
        download,
        runtime=runtime,
        precision=precision,
        anchored=anchored,
        attention=attention,
        prune=prune,
        window=window,
        shots=shots,
    )
    try:
        with adding() as show:
            report = opened.add(
                paths,
                retry=retry,
                processes=processes,
                progress=show,
                engine=engine,
                address=address,
            )
    except Interrupted as interrupted:
        report = interrupted.report
    return tell(report, retry, as_json)


def reindexed(
    library: Library,
    encoder: Encoder,
    model: str,
    window: float | None,
    shots: bool | None,
    leave_offline: bool,
    processes: int | None,
    *,
    as_json: bool,
) -> int:
    """Index a library anew and say what was done; returns the exit code."""
    from fdaclip.library import Interrupted

    from .progress import adding

    try:
        with adding() as show:
            done = library.reindex(
                encoder,
                model=model,
                window=window,
                shots=shots,
                leave_offline=leave_offline,
                processes=processes,
                progress=show,
            )
    except Interrupted as interrupted:
        return tell(interrupted.report, False, as_json)
    code = tell(done.report, False, as_json)
    if done.left_out:
        say(f"{done.left_out} files that are missing or offline are not in the new library")
    say(f"the old library is kept in {printable(done.old)}; delete the folder when you like")
    return code


def tell(report: AddReport, retry: bool, as_json: bool) -> int:
    """Say what was done; returns the exit code."""
    told = (("partial", report.partial), ("bad", report.bad), ("no text", report.unread))
    for name, failures in told:
        for failure in failures:
            say(f"{name}: {printable(failure.path)}: {printable(failure.reason)}")
    if as_json:
        print_json(report)
    else:
        click.echo(report.summary)
        if report.known_bad and not retry:
            say(f"{report.known_bad} files were bad before; see fdaclip status, or --retry")
        if report.utilisation:
            say(bound_by(report))
    if report.interrupted:
        say("interrupted; what is finished is kept, run the same command again for the rest")
        return INTERRUPTED
    return SOME_BAD if report.bad or report.partial else OK


def refuse_other_ways(
    library: Place, anchored: bool | None, attention: AttentionBias | None, prune: Prune | None
) -> None:
    """How a library's vectors are made is settled for good.

    Raises:
        Fault: there is one, and its own are made otherwise than asked.
    """
    from fdaclip.library.stamp import read_stamp, settings_of

    stamp = read_stamp(library.expanduser())
    if stamp is None:
        return
    settings = settings_of(stamp)
    for option, asked, there in (
        ("--anchored or --exact-frames", anchored, settings["sampling"].anchored),
        ("--attention", attention, settings["attention"]),
        ("--keep", prune, settings["prune"]),
    ):
        if asked is not None and asked != there:
            raise Fault(
                f"the library {library} was made with another {option}",
                "leave it out, or index it anew: give --reindex too, without PATHS",
            )


def bound_by(report: AddReport) -> str:
    """``the work was decode 41 %, mask 8 %, encode 49 %, write 2 %; processors 96 % busy``."""
    total = max(sum(report.stages.values()), 1e-9)
    shares = ", ".join(f"{name} {seconds / total:.0%}" for name, seconds in report.stages.items())
    return f"the work was {shares}; processors {report.utilisation:.0%} busy"
