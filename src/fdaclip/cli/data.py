"""``fdaclip data``: what a data set holds, whether its videos are sound, its frames on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .output import (
    OK,
    SOME_BAD,
    clock,
    json_option,
    partner_option,
    print_json,
    printable,
    say,
    size,
)
from .progress import stage

if TYPE_CHECKING:
    from fdaclip.data import Dropped
    from fdaclip.data.check import Report
    from fdaclip.data.summary import Spread, Summary

F = TypeVar("F", bound=Callable[..., Any])

SHOWN = 10  # findings of a kind that are printed

HEADINGS = {
    "missing": "missing",
    "damaged": "damaged",
    "short": "too short",
    "partial": "with frames lost (still used)",
    "length": "of another length than annotated (still used)",
    "copies": "the same under several names (still used)",
    "choice": "with several files of that name (the first is used)",
}


def dataset_options(command: F) -> F:
    """NAME and where it lies; the verb's parameters are name, root, split, protocol, videos."""
    folder = click.Path(file_okay=False, path_type=Path)
    for add in (
        click.option(
            "--videos",
            type=folder,
            help="Folder with the videos, if they are not in --root or below.",
        ),
        click.option(
            "--protocol",
            help='Such as "1k-A 7k", or a part of it that is unambiguous. Default: the first.',
        ),
        click.option(
            "--split",
            callback=lambda ctx, _, split: split or usual_split(ctx.params["name"]),
            help="train, val, test, …  [default: test; of a file of one's own: all]",
        ),
        click.option(
            "--root",
            type=folder,
            callback=lambda ctx, _, root: root or usual_root(ctx.params["name"]),
            help="Folder with the annotation files, at any depth.  [default: this folder; of a "
            "file of one's own: its folder]",
        ),
        click.argument("name", is_eager=True),
    ):
        command = add(command)
    return command


def usual_root(name: str) -> Path:
    from fdaclip.data.own import is_own

    return Path(name).parent if is_own(name) else Path()


def usual_split(name: str) -> str:
    from fdaclip.data.own import ALL, is_own

    return ALL if is_own(name) else "test"


@click.group(short_help="Look at text-video data sets, check their videos, cache their frames.")
def command() -> None:
    """Look at text-video data sets, check their videos, cache their frames.

    NAME is msrvtt, msvd, didemo, lsmdc, activitynet or vatex, or the path of a CSV, TSV, JSON Lines
    or Parquet file with the columns video and caption (and start, end, split).
    """


@command.command(short_help="Print what a split holds: counts, words, lengths.")
@dataset_options
@json_option
def info(
    name: str, root: Path, split: str, protocol: str | None, videos: Path | None, as_json: bool
) -> int:
    """Print what a split of the data set NAME holds: counts, words, lengths, and a plot.

    Only the annotation files are needed. Counts that fall short of the published ones are said.
    """
    from fdaclip.data.load import plan
    from fdaclip.data.summary import histogram, summarise

    found = plan(name, root, split, protocol, allow_missing=True, videos=videos)
    summary = summarise(found)
    if as_json:
        print_json(summary)
        return OK
    click.echo(describe(summary))
    words = [len(text.split()) for entry in found.entries for text in entry.captions]
    lengths = [entry.seconds for entry in found.entries if entry.seconds is not None]
    for title, values, unit in (("words a query", words, "words"), ("lengths", lengths, "s")):
        if values:
            click.echo(f"\n{title}")
            for line in histogram(values, unit):
                click.echo(f"  {line}")
    tell(found.dropped)
    if summary.lacking:
        say(f"no captions: {printable(summary.lacking)}")
    return OK


def tell(dropped: Sequence[Dropped]) -> None:
    """What the files hold and the split does not, a line each, on stderr."""
    for note in dropped:
        say(printable(str(note)))


def describe(summary: Summary) -> str:
    """The figures, a line each."""
    lines = {
        "data set": f"{summary.title}, {summary.split} ({summary.protocol})",
        "videos": f"{summary.videos:,}",
        "captions": f"{summary.captions:,}",
        "queries": f"{summary.queries:,} ({summary.distinct:,} different)",
        "a video": told(summary.per_video, "captions"),
        "words": told(summary.words, "a query"),
        "lengths": told(summary.seconds, "s"),
        "hours": f"{summary.hours:,.1f}" if summary.hours else "",
        "files": ", ".join(summary.sources),
    }
    if summary.twice:
        lines["twice"] = f"{summary.twice:,} videos under a second name of another extension"
    return "\n".join(f"{k + ':':10} {printable(v)}" for k, v in lines.items() if v)


def told(spread: Spread | None, unit: str) -> str:
    if spread is None:
        return ""
    if spread.min == spread.max:
        return f"{spread.min:g} {unit}"
    return (
        f"{spread.min:g} to {spread.max:g} {unit}, mean {spread.mean:g}, median {spread.median:g}, "
        f"95 % up to {spread.p95:g}"
    )


@command.command(short_help="Decode every video of a split, and list what is not sound.")
@dataset_options
@click.option("--every-frame", is_flag=True, help="Decode all frames instead of twelve a video.")
@click.option("--again", is_flag=True, help="Decode also what is known from an earlier check.")
@click.option(
    "--processes", type=click.IntRange(1, 256), help="Decoders at work. Default: one a processor."
)
@json_option
def check(
    name: str,
    root: Path,
    split: str,
    protocol: str | None,
    videos: Path | None,
    every_frame: bool,
    again: bool,
    processes: int | None,
    as_json: bool,
) -> int:
    """Decode every video of a split of the data set NAME.

    Lists those that are missing, damaged, too short, of another length than annotated, or the same
    as others. What is learned is kept in a manifest (fdaclip-manifest.json in the folder of the
    videos), which training and evaluation use; files that have not changed are not decoded again.
    Ctrl-C keeps what is known.
    """
    from fdaclip.data.check import check
    from fdaclip.data.load import plan

    found = plan(name, root, split, protocol, allow_missing=True, videos=videos)
    tell(found.dropped)
    with stage("checking", "videos") as progress:
        report = check(
            found, workers=processes, every_frame=every_frame, again=again, progress=progress
        )
    if as_json:
        print_json(report)
    else:
        click.echo(findings(report))
        if report.checked:
            say(f"kept in {printable(report.manifest)}")
    return OK if report.usable == report.videos else SOME_BAD


def findings(report: Report) -> str:
    """The report for people."""
    lines = [
        f"{report.name} {report.split} ({report.protocol}): {report.usable:,} of "
        f"{report.videos:,} videos can be used, {clock(report.seconds)} in all; "
        f"{report.checked:,} decoded in {report.elapsed:.0f} s"
    ]
    for kind, heading in HEADINGS.items():
        those = [finding for finding in report.findings if finding.kind == kind]
        if those:
            lines.append(f"{len(those):,} {heading}:")
            lines += [f"  {printable(f.name)}: {printable(f.what)}" for f in those[:SHOWN]]
        if len(those) > SHOWN:
            lines.append(f"  … {len(those) - SHOWN:,} more; --json has them all")
    return "\n".join(lines)


@command.command(short_help="Decode a split once and keep its frames and masks for training.")
@dataset_options
@click.option(
    "--out",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder of the caches.",
)
@click.option("--frames", type=click.IntRange(1, 256), default=12, show_default=True)
@partner_option
@click.option(
    "--short-side",
    type=click.IntRange(16, 2160),
    default=224,
    show_default=True,
    help="Pixels of the shorter side: the model's.",
)
@click.option(
    "--positions",
    type=click.IntRange(1, 15),
    default=1,
    show_default=True,
    help="Frames kept of each segment, an odd number; 3 lets training vary them.",
)
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=95,
    show_default=True,
    help="Of the JPEGs.",
)
@click.option("--raw", is_flag=True, help="Keep exact pixels, at about five times the size.")
@click.option("--estimate", "only_estimate", is_flag=True, help="Say the size and stop.")
@click.option("--allow-missing", is_flag=True, help="Go on without videos that are not there.")
@click.option(
    "--processes", type=click.IntRange(1, 256), help="Decoders at work. Default: one a processor."
)
@json_option
def cache(
    name: str,
    root: Path,
    split: str,
    protocol: str | None,
    videos: Path | None,
    folder: Path,
    frames: int,
    partner: float,
    short_side: int,
    positions: int,
    quality: int,
    raw: bool,
    only_estimate: bool,
    allow_missing: bool,
    processes: int | None,
    as_json: bool,
) -> int:
    """Decode a split of the data set NAME once and keep its frames and masks.

    Training and evaluation that are given the same folder and want the same frames then decode
    nothing. Stop it at any time and run it again: it goes on from there.
    """
    from fdaclip.data import FrameCache, load_dataset
    from fdaclip.data.cache import Estimate
    from fdaclip.data.frames import Wanted
    from fdaclip.motion import MotionConfig
    from fdaclip.video import Sampling

    dataset = load_dataset(
        name,
        root,
        split,
        protocol=protocol,
        videos=videos,
        allow_missing=allow_missing,
        need_captions=False,
    )
    tell(dataset.dropped)
    wanted = Wanted(Sampling(frames, partner), MotionConfig(), short_side)
    store = FrameCache(folder, wanted, positions=positions, quality="raw" if raw else quality)
    if only_estimate:
        estimate = store.estimate(dataset.records, processes)
        if as_json:
            print_json({"folder": store.folder, **asdict(estimate)})
        else:
            click.echo(about(estimate))
        return OK

    def announce(estimate: Estimate) -> None:
        say(about(estimate))

    with stage("decoding", "clips") as progress:
        store.fill(dataset.records, workers=processes, announce=announce, progress=progress)
    if as_json:
        print_json({"folder": store.folder, "clips": dataset.videos, "failed": store.failed})
    else:
        for failed, reason in store.failed.items():
            click.echo(f"bad: {printable(failed)}: {printable(reason)}")
        click.echo(
            f"{dataset.videos - len(store.failed):,} of {dataset.videos:,} clips "
            f"in {printable(store.folder)}"
        )
    return SOME_BAD if store.failed else OK


def about(estimate: Any) -> str:
    return (
        f"{estimate.clips:,} clips to decode, about {size(estimate.bytes)}; "
        f"the disk has {size(estimate.free)} left"
    )
