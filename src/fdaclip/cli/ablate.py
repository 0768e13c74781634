"""``fdaclip ablate``: a grid of runs about one recipe, as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .output import INTERRUPTED, Fault, json_option, print_json, printable, say
from .progress import watching


@click.command(short_help="Run a grid of recipes and tabulate it, mean ± deviation over seeds.")
@click.argument("recipe", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--vary",
    "axes",
    multiple=True,
    metavar="KEY=A,B,C",
    help="An axis of the grid, in place of the recipe's own; may be given several times.",
)
@click.option("--seeds", help="Seeds of each cell, as 0,1,2.  [default: the recipe's]")
@click.option(
    "--against",
    multiple=True,
    metavar="KEY=VALUE",
    help="What the twin of each cell changes, for the paired test; in place of the recipe's own.",
)
@click.option(
    "--design",
    type=click.Choice(["each", "product"]),
    help="Vary one axis at a time, or all together.  [default: the recipe's]",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the runs and the tables.  [default: build/ablations/NAME]",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="Runs at a time, each with one thread.",
)
@click.option("--dry", is_flag=True, help="Say what would be run, and stop.")
@json_option
def command(
    recipe: Path,
    overrides: tuple[str, ...],
    axes: tuple[str, ...],
    seeds: str | None,
    against: tuple[str, ...],
    design: str | None,
    out: Path | None,
    jobs: int,
    dry: bool,
    as_json: bool,
) -> int | None:
    """Run a grid of recipes and tabulate it, mean ± deviation over seeds.

    Finished runs are kept, so that the same command goes on where it was stopped, and a larger grid
    adds what is new. Writes table.md and table.json.

    \b
    fdaclip ablate recipes/shapes-ablation.yaml
    fdaclip ablate recipes/shapes.yaml --vary model.head.kind=mean,wti --against model.guidance=none
    """
    from fdaclip.train.ablation import ablate, cells, markdown, to_json
    from fdaclip.train.reading import pair_of, read_recipe

    more: list[tuple[str, Any]] = []
    if axes:
        more.append(("ablation.vary", dict(_axis(axis) for axis in axes)))
    if seeds:
        more.append(("ablation.seeds", [_number(seed) for seed in seeds.split(",")]))
    if against:
        more.append(("ablation.against", dict(pair_of(change) for change in against)))
    if design:
        more.append(("ablation.design", design))
    resolved = read_recipe(recipe, overrides, more)
    if dry:
        for cell in cells(resolved):
            named = ", ".join(f"{axis} {label}" for axis, label in cell.label.items())
            click.echo(named or "as the recipe says")
        return None
    folder = out or Path("build/ablations") / resolved.name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with watching() as (show, line):
            table = ablate(resolved, folder, jobs=jobs, progress=show, line=line)
    except KeyboardInterrupt:
        say("interrupted; hint: the same command goes on where it was stopped")
        return INTERRUPTED
    if as_json:
        print_json(to_json(resolved, table))
    else:
        click.echo(markdown(table))
        click.echo(f"table    {printable(folder / 'table.md')}")
    return None


def _axis(text: str) -> tuple[str, list[Any]]:
    from fdaclip.train.reading import pair_of

    key, equals, values = text.partition("=")
    if not equals or not values:
        raise Fault(f"{text!r} is no axis", "for example --vary model.head.kind=mean,wti")
    return key, [pair_of(f"{key}={value}")[1] for value in values.split(",")]


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Fault(f"{text!r} is no seed", "for example --seeds 0,1,2") from None
