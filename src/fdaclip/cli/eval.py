"""``fdaclip eval``: how well a model finds the video that a sentence describes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .encoders import load, runtime_options
from .output import Fault, json_option, print_json, printable, say
from .progress import stage

if TYPE_CHECKING:
    from fdaclip.data import Dataset
    from fdaclip.evaluate import Comparison, Result
    from fdaclip.model import Encoder


@click.command(short_help="Measure a model on a dataset, or test whether two results differ.")
@click.argument("checkpoint", required=False)
@click.option("--data", help="A benchmark's name, or a .csv, .jsonl or .parquet of your own.")
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the dataset's annotation files and videos.",
)
@click.option(
    "--videos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Another folder in which the videos lie.",
)
@click.option(
    "--split",
    help="As the protocol names it.  [default: test; of a file of one's own without splits: all]",
)
@click.option("--protocol", help="The benchmark's first one if not given; see docs/data.md.")
@click.option(
    "--allow-missing",
    is_flag=True,
    help="Evaluate on the videos that are there and can be read; the result counts the others.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for result.json, row.md and report.html.  [default: build/eval/DATA-CHECKPOINT]",
)
@click.option(
    "--embeddings",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Use the vectors in this file instead of encoding; if it is not there, write it.",
)
@click.option("--label", help="What tables call the model.  [default: the checkpoint's name]")
@click.option("--frames", type=click.IntRange(1), help="Frames a video, in place of the model's.")
@click.option("--dsl", is_flag=True, help="Extra row: dual softmax over all test queries.")
@click.option(
    "--qb-norm",
    type=click.IntRange(1),
    metavar="N",
    help="Extra row: querybank normalisation with N sentences of the training split.",
)
@click.option(
    "--rerank",
    type=click.IntRange(1),
    metavar="K",
    help="Extra row: the K best of each query re-ranked by frames that fit the query.",
)
@click.option(
    "--batch",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Clips or sentences a pass: more is faster on a GPU, equal within rounding.",
)
@click.option("--workers", type=click.IntRange(0), help="Decoding processes.  [default: all cores]")
@runtime_options("torch", "fp32")
@click.option("--device", help="cpu, cuda, cuda:1, mps.  [default: cuda if there is one]")
@click.option(
    "--resamples",
    type=click.IntRange(0),
    help="Of the bootstrap and the test.  [default: 1000, compare 10000]",
)
@click.option("--seed", default=0, show_default=True, help="Of bootstrap, test and querybank.")
@click.option(
    "--against",
    type=click.Path(exists=True, path_type=Path),
    metavar="B",
    help="A saved result on the same data that the page tests this one against.",
)
@click.option("--no-page", is_flag=True, help="No report.html, which decodes some videos again.")
@click.option("--download", is_flag=True, help="Fetch the model from the hub if it is not here.")
@click.option(
    "--compare",
    nargs=2,
    type=click.Path(exists=True, path_type=Path),
    metavar="A B",
    help="Test whether two saved results differ: result.json, its folder, or a folder of such "
    "folders (runs of one model, say with other seeds).",
)
@json_option
def command(
    checkpoint: str | None,
    data: str | None,
    root: Path | None,
    videos: Path | None,
    split: str | None,
    protocol: str | None,
    allow_missing: bool,
    out: Path | None,
    embeddings: Path | None,
    label: str | None,
    frames: int | None,
    dsl: bool,
    qb_norm: int | None,
    rerank: int | None,
    batch: int,
    workers: int | None,
    precision: str,
    runtime: str,
    device: str | None,
    resamples: int | None,
    seed: int,
    against: Path | None,
    no_page: bool,
    download: bool,
    compare: tuple[Path, Path] | None,
    as_json: bool,
) -> None:
    """Measure a model on a dataset, or test whether two results differ.

    Each video is decoded and encoded once, however many sentences it has. Prints R@1, R@5, R@10,
    median and mean rank in both directions; saves them with bootstrap intervals, every query's
    rank, and all that made them.

    \b
    fdaclip eval CHECKPOINT --data msrvtt --root ~/MSRVTT
    fdaclip eval --compare build/eval/with-mask build/eval/without
    """
    if compare:
        if checkpoint or data:
            raise click.UsageError("--compare takes two saved results, and no checkpoint or data")
        show_comparison(compare, resamples, seed, as_json)
        return
    if not (checkpoint and data and root):
        raise click.UsageError("CHECKPOINT, --data and --root are needed, or --compare A B")
    if against and no_page:
        raise click.UsageError("--against is for the page, which --no-page leaves out")
    from fdaclip.data import load_dataset, tested_split
    from fdaclip.evaluate import Result
    from fdaclip.evaluate.run import PAGE, TABLE, Extras, evaluate_dataset

    other = Result.load(against) if against else None

    name = Path(checkpoint).name
    out = out or Path("build/eval") / f"{Path(data).stem}-{name}"

    def dataset(split: str, need_videos: bool) -> Dataset:
        return load_dataset(
            data,
            root,
            split,
            protocol=protocol,
            allow_missing=allow_missing,
            need_videos=need_videos,
            videos=videos,
        )

    tested = dataset(split or tested_split(data), need_videos=True)
    say(tested.describe())
    bank = drawn(dataset("train", need_videos=False), qb_norm, seed) if qb_norm else ()
    model = with_frames(loaded(checkpoint, download, runtime, precision, device), frames)
    with stages() as progress:
        evaluation = evaluate_dataset(
            model,
            tested,
            label=label or name,
            checkpoint=checkpoint,
            more=Extras(dsl=dsl, bank=bank, rerank=rerank or 0),
            file=embeddings,
            batch=batch,
            workers=workers,
            leave_out=allow_missing,
            resamples=1000 if resamples is None else resamples,
            seed=seed,
            progress=progress,
        )
    evaluation.write(out, page=not no_page, against=other)
    if as_json:
        said = evaluation.result.to_json()
        short = {k: v for k, v in said.items() if k not in ("owner", "ranks", "motion")}
        print_json(short | {"folder": out})
        return
    click.echo((out / TABLE).read_text(encoding="utf-8"))
    click.echo(f"result   {printable(out / 'result.json')}")
    if not no_page:
        click.echo(f"report   {printable(out / PAGE)}")


def drawn(dataset: Dataset, count: int, seed: int) -> tuple[str, ...]:
    """So many of a dataset's distinct sentences, drawn by the seed."""
    from random import Random

    sentences = sorted({caption for record in dataset.records for caption in record.captions})
    return tuple(Random(seed).sample(sentences, min(count, len(sentences))))


def loaded(
    checkpoint: str, download: bool, runtime: str, precision: str, device: str | None
) -> Encoder:
    """The model as it is asked for; an export as it is."""
    from fdaclip.model.runtimes.folder import is_export

    chosen = {} if is_export(checkpoint) else {"runtime": runtime, "precision": precision}
    return load(checkpoint, download, device=device or "auto", **chosen)


def with_frames(model: Encoder, frames: int | None) -> Encoder:
    """The model with so many frames a clip, if they are given."""
    if not frames:
        return model
    from fdaclip.model import FDACLIP

    if not isinstance(model, FDACLIP):
        raise Fault("--frames is for CLIP and FDA-CLIP models in torch in fp32")
    sampling = replace(model.sampling, frames=frames)
    model.settings = replace(model.settings, sampling=sampling)
    return model


@contextmanager
def stages() -> Iterator[Callable[[str, int, int], None]]:
    """Progress of one thing after the other: a stage ends when another begins."""
    with ExitStack() as stack:
        current, report = "", None

        def told(what: str, done: int, total: int) -> None:
            nonlocal current, report
            if what != current:
                stack.close()
                verb = "encoding" if what in ("clips", "sentences") else "ranking"
                current, report = what, stack.enter_context(stage(verb, what))
            assert report is not None
            report(done, total)

        yield told


def show_comparison(
    places: tuple[Path, Path], resamples: int | None, seed: int, as_json: bool
) -> None:
    """Say whether two results differ."""
    from fdaclip.evaluate import compare
    from fdaclip.evaluate.compare import RESAMPLES

    sides = [saved(place) for place in places]
    told = compare(
        *sides,
        names=names_of(places, sides),
        resamples=RESAMPLES if resamples is None else resamples,
        seed=seed,
    )
    if as_json:
        print_json(
            {"real": told.real, "verdict": told.verdict, "caution": told.caution, **asdict(told)}
        )
    else:
        print_comparison(told)


def saved(place: Path) -> list[Result]:
    """The result at a place, or the results of all runs in a folder."""
    from fdaclip.evaluate import Result
    from fdaclip.evaluate.result import FILE

    if place.is_file() or (place / FILE).is_file():
        return [Result.load(place)]
    found = sorted(place.glob(f"*/{FILE}"))
    if not found:
        raise Fault(
            f"{printable(place)} holds no {FILE}, nor does a folder in it",
            "fdaclip eval CHECKPOINT --data NAME --root DIR --out FOLDER writes one",
        )
    return [Result.load(file) for file in found]


def names_of(places: tuple[Path, Path], sides: list[list[Result]]) -> tuple[str, str]:
    """What to call the sides: their labels, or their places where the labels do not tell them."""
    labels = [runs[0].headline.label for runs in sides]
    if labels[0] != labels[1] and all(labels) and all(len(runs) == 1 for runs in sides):
        return labels[0], labels[1]
    short = [place.name for place in places]
    if short[0] == short[1]:
        short = [str(place) for place in places]
    return short[0], short[1]


def print_comparison(told: Comparison) -> None:
    """The verdict, every figure, and R@1 by motion."""
    from fdaclip.evaluate.compare import NAMES, SIDES, probability

    click.echo(f"{told.verdict}\n{told.caution}\n")
    click.echo(f"A  {told.a}\nB  {told.b}\n")
    click.echo(f"{'':26s} {'A':>8s} {'B':>8s} {'A − B':>8s}   95 % interval       p")
    for d in told.differences:
        name = f"{SIDES[d.direction]} {NAMES[d.figure]}"
        interval = f"{d.low:+.2f} to {d.high:+.2f}"
        click.echo(
            f"{name:26s} {d.a:8.2f} {d.b:8.2f} {d.difference:+8.2f}   {interval:18s}  "
            f"{probability(d.p)}"
        )
    click.echo("The first line decides; the others stand beside it, uncorrected.")
    if told.by_motion:
        click.echo("\ntext-to-video R@1 by the video's motion energy, % of full scale")
        for part in told.by_motion:
            span = f"{100 * part.low:.2g} to {100 * part.high:.2g}"
            click.echo(
                f"{span:26s} {part.a:8.2f} {part.b:8.2f} {part.a - part.b:+8.2f}   "
                f"{part.queries:,} queries"
            )
