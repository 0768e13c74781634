"""``fdaclip train``: a recipe becomes a model and its result."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .output import INTERRUPTED, clock, json_option, print_json, printable, say
from .progress import watching

if TYPE_CHECKING:
    from fdaclip.train.loop import Step
    from fdaclip.train.session import Tell
    from fdaclip.train.world import World


@click.command(short_help="Train a model by a recipe, and measure it.")
@click.argument("recipe", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the run.  [default: build/runs/NAME]",
)
@click.option("--resume", is_flag=True, help="Go on from the folder's last checkpoint, if any.")
@click.option("--show", is_flag=True, help="Print the whole recipe as it would be run, and stop.")
@json_option
def command(
    recipe: Path,
    overrides: tuple[str, ...],
    out: Path | None,
    resume: bool,
    show: bool,
    as_json: bool,
) -> int | None:
    """Train a model by a recipe, and measure it.

    Values of the recipe are replaced by KEY=VALUE, such as training.batch=64. The folder gets the
    resolved recipe, metrics.jsonl, checkpoints, `best` and result.json. A run that was killed goes
    on with --resume as if it had not been. Under `torchrun` or `accelerate launch` all processes
    share each batch.

    \b
    fdaclip train recipes/shapes.yaml
    fdaclip train recipes/msrvtt-fdaclip-b32.yaml data.root=~/MSRVTT --resume
    torchrun --nproc-per-node 4 -m fdaclip train recipes/msrvtt-fdaclip-b32.yaml
    """
    from fdaclip.train.reading import read_recipe, to_yaml
    from fdaclip.train.session import train_recipe

    resolved = read_recipe(recipe, overrides)
    if show:
        click.echo(to_yaml(resolved), nl=False)
        return None
    folder = out or Path("build/runs") / resolved.name
    world = processes()
    try:
        with telling() as tell:
            result = train_recipe(resolved, folder, resume=resume, world=world, tell=tell)
    except KeyboardInterrupt:
        say(f"interrupted; hint: the same with --resume goes on from {folder}'s last checkpoint")
        return INTERRUPTED
    if world.rank == 0:
        _print(result, folder, as_json)
    return None


def processes() -> World:
    """The processes that were started together, or this one alone."""
    from fdaclip.train.world import Alone, Together

    return Together() if int(os.environ.get("WORLD_SIZE", "1")) > 1 else Alone()


def _print(result: dict[str, Any], folder: Path, as_json: bool) -> None:
    if as_json:
        long = ("owner", "ranks", "motion")
        print_json({k: v for k, v in result.items() if k not in long} | {"folder": folder})
        return
    click.echo(result["data"]["describe"])
    click.echo(f"{'':34s} {'R@1':>6s} {'R@5':>6s} {'R@10':>6s} {'MdR':>6s} {'MnR':>7s}")
    names = {"text_to_video": "text to video", "video_to_text": "video to text"}
    for direction, name in names.items():
        click.echo(_row(name, result["headline"][direction]))
    if best := result.get("best_on_test"):
        of = {key.partition(".")[2]: v for key, v in best.items() if key.startswith("text_to_v")}
        click.echo(_row("best on test (no result)", of))
    selected = result["selected"]
    click.echo(f"\nweights of step {selected['step']} of {result['steps']}, by {selected['by']}")
    click.echo(f"model    {printable(folder / 'best')}")
    click.echo(f"result   {printable(folder / 'result.json')}")
    say(f"done in {clock(result['seconds'])}")


def _row(name: str, figures: dict[str, float]) -> str:
    recalls = " ".join(f"{figures[key]:6.1f}" for key in ("r1", "r5", "r10"))
    return f"{name:34s} {recalls} {figures['median_rank']:6.1f} {figures['mean_rank']:7.1f}"


def describe(step: Step) -> str:
    """``step 120/900 · epoch 3.8 · loss 1.042 · 690 clips a second · 12 % waiting · 1:10 left``."""
    return " · ".join(
        (
            f"step {step.number}/{step.of}",
            f"epoch {step.epoch:.1f}",
            f"loss {step.loss:.3f}",
            f"{step.rate:.3g} clips a second",
            f"{100 * step.waiting:.0f} % waiting for data",
            f"{clock(round(step.left))} left",
        )
    )


@contextmanager
def telling() -> Iterator[Tell]:
    """How far a run is, on stderr."""
    from fdaclip.train.session import Tell

    with watching() as (show, line):
        yield Tell(
            line=lambda text: line(printable(text)),
            step=lambda step: show(step.number, step.of, describe(step)),
            part=lambda what, done, of: show(done, of, f"{what} {done}/{of}"),
        )
