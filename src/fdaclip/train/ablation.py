"""A grid of runs about one recipe, and the table of what each change does.

Shapes: a cell is one setting; it has a run for each seed, and, where the recipe names one, a twin
that differs in that alone.
"""

from __future__ import annotations

import json
import multiprocessing
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from statistics import mean, stdev
from threading import Thread
from typing import Any

import torch

from fdaclip.evaluate import Comparison, Result, compare
from fdaclip.train.corpus import clips_of, frames_of, read_splits
from fdaclip.train.reading import RecipeError, vary
from fdaclip.train.recipe import Ablation, Recipe
from fdaclip.train.session import RESULT, Tell, base_of, identity, make_model, train_recipe

FIGURES = (
    ("text_to_video", "r1"),
    ("text_to_video", "r5"),
    ("text_to_video", "mean_rank"),
    ("video_to_text", "r1"),
)


@dataclass(frozen=True)
class Cell:
    """One setting.

    Attributes:
        label: axis → what it is called there.
        recipe: with the setting, of no seed yet.
        twin: the one that it is compared with.
    """

    label: dict[str, str]
    recipe: Recipe
    twin: Recipe | None


@dataclass(frozen=True)
class Run:
    """One training, which several cells may share."""

    recipe: Recipe
    folder: Path


@dataclass(frozen=True)
class Line:
    """One cell of the table.

    Attributes:
        label: axis → what it is called there.
        figures: "direction.name" → the value of each seed.
        twin: the same of the twin; empty without one.
        comparison: the paired test against it over all seeds; None without one.
    """

    label: dict[str, str]
    figures: dict[str, list[float]]
    twin: dict[str, list[float]]
    comparison: Comparison | None


def cells(recipe: Recipe) -> list[Cell]:
    """The settings of a recipe's grid; of equal ones the first.

    Raises:
        RecipeError: an axis is no list or mapping, or changes what no recipe has.
    """
    plainly = replace(recipe, ablation=Ablation())
    axes = {axis: dict(_values(axis, told)) for axis, told in recipe.ablation.vary.items()}
    found: dict[str, Cell] = {}
    for choice in _choices(axes, recipe.ablation.design):
        changes: dict[str, Any] = {}
        for axis, label in choice.items():
            changes |= axes[axis][label]
        own = vary(plainly, changes)
        against = recipe.ablation.against
        twin = vary(plainly, {**changes, **against}) if against else None
        found.setdefault(identity(own), Cell(choice, own, twin))
    return list(found.values())


def _choices(axes: Mapping[str, Mapping[str, Any]], design: str) -> Iterator[dict[str, str]]:
    if design == "product":
        for labels in product(*axes.values()):
            yield dict(zip(axes, labels, strict=True))
        return
    yield {}
    for axis, values in axes.items():
        for label in values:
            yield {axis: label}


def _values(axis: str, told: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Label and changes of each value of an axis."""
    if isinstance(told, Mapping) and all(isinstance(changes, Mapping) for changes in told.values()):
        yield from ((str(label), dict(changes)) for label, changes in told.items())
    elif isinstance(told, Sequence) and not isinstance(told, str) and told:
        yield from ((_shown(value), {axis: value}) for value in told)
    else:
        raise RecipeError(
            f"ablation.vary.{axis} is to be a list of values, or a mapping of a label to changes, "
            f"not {told!r}"
        )


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def ablate(
    recipe: Recipe,
    folder: Path,
    *,
    jobs: int = 2,
    progress: Callable[[int, int, str], None] = lambda done, of, text: None,
    line: Callable[[str], None] = lambda line: None,
) -> list[Line]:
    """Run a recipe's grid, or what is left of it, and write table.md and table.json.

    A run that is finished is not done again; one that was killed goes on. Runs that two cells need
    are done once: a twin that is shown no mask is the same whatever the masks are.

    Args:
        folder: gets `runs/` and the tables.
        jobs: runs at a time, each with one thread.
        progress: called with steps taken, steps in all, and a line for people.
        line: a line for people.

    Raises:
        RecipeError: of the grid.
        RuntimeError: runs failed; each is named with its error, and the others are done.
    """
    grid = cells(recipe)
    runs = _runs(grid, recipe.ablation.seeds, folder)
    bases = folder / "bases"
    starts: dict[str, Run] = {}
    for run in runs.values():
        base = base_of(run.recipe)
        if base:
            starts[identity(base)] = Run(base, bases / identity(base))
    line(f"{len(grid)} cells, {len(runs)} runs" + (f", {len(starts)} bases" if starts else ""))
    _prepare([*starts.values(), *runs.values()], progress)
    # Runs that others start from come first, or two at once would do the same.
    _run_all(list(starts.values()), bases, jobs, progress, line)
    _run_all(list(runs.values()), bases, jobs, progress, line)
    table = [_line(cell, recipe.ablation.seeds, folder) for cell in grid]
    _write(folder / "table.md", markdown(table))
    _write(folder / "table.json", json.dumps(to_json(recipe, table), indent=2) + "\n")
    return table


def _runs(grid: list[Cell], seeds: Sequence[int], folder: Path) -> dict[str, Run]:
    runs: dict[str, Run] = {}
    for seed in seeds:
        for cell in grid:
            for recipe in (cell.recipe, cell.twin):
                if recipe is not None:
                    seeded = vary(recipe, {"training.seed": seed})
                    runs.setdefault(identity(seeded), _run(seeded, folder))
    return runs


def _run(recipe: Recipe, folder: Path) -> Run:
    return Run(recipe, folder / "runs" / identity(recipe))


def _prepare(runs: Sequence[Run], progress: Callable[[int, int, str], None]) -> None:
    """Draw, decode and cache the clips of all runs, once, with all processors."""
    seen = set()

    def part(what: str, done: int, of: int) -> None:
        progress(done, of, f"{what} {done}/{of}")

    for run in runs:
        recipe = run.recipe
        model = recipe.model
        key = repr((recipe.data, model.small, model.sampling, model.motion))
        if key in seen or (run.folder / RESULT).exists():
            continue
        seen.add(key)
        splits = read_splits(recipe.data, part)
        if not recipe.data.cache:
            continue
        begun_from = "small" if base_of(recipe) else model.start
        made = make_model(recipe, begun_from, splits)
        assert frames_of(made).sampling == model.sampling
        for split in splits.all:
            clips_of(split, made, recipe.data, part)


def _run_all(
    runs: Sequence[Run],
    bases: Path,
    jobs: int,
    progress: Callable[[int, int, str], None],
    line: Callable[[str], None],
) -> None:
    todo = [run for run in runs if not (run.folder / RESULT).exists()]
    if not todo:
        return
    context = multiprocessing.get_context("spawn")
    said: Any = context.Queue()
    taken: dict[Path, tuple[int, int]] = {}

    def listen() -> None:
        while (message := said.get()) is not None:
            place, number, of = message
            taken[place] = number, of
            each = max(of for _, of in taken.values())
            done = sum(number for number, _ in taken.values())
            progress(done, each * len(todo), f"step {done} of about {each * len(todo)}")

    listener = Thread(target=listen, daemon=True)
    listener.start()
    failed = []
    with ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(said,)) as pool:
        waiting: dict[Future[None], Run] = {pool.submit(_do, run, bases): run for run in todo}
        for done, future in enumerate(as_completed(waiting), 1):
            run = waiting[future]
            error = future.exception()
            if error:
                failed.append(f"{run.folder.name}: {type(error).__name__}: {error}")
            line(f"{done}/{len(todo)} runs" + (f", failed: {failed[-1]}" if error else ""))
    said.put(None)
    listener.join()
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(todo)} runs failed: {'; '.join(failed)}")


_said: Any = None  # the queue of a worker process


def _begin(said: Any) -> None:
    global _said
    _said = said
    torch.set_num_threads(1)


def _do(run: Run, bases: Path) -> None:
    tell = Tell(step=lambda step: _said.put((run.folder, step.number, step.of)))
    train_recipe(run.recipe, run.folder, resume=True, bases=bases, even_untrained=True, tell=tell)


def _line(cell: Cell, seeds: Sequence[int], folder: Path) -> Line:
    own = _results(cell.recipe, seeds, folder)
    twins = _results(cell.twin, seeds, folder) if cell.twin else []
    return Line(
        cell.label,
        _figures(own),
        _figures(twins),
        compare(own, twins, names=("this", "its twin")) if twins else None,
    )


def _results(recipe: Recipe, seeds: Sequence[int], folder: Path) -> list[Result]:
    return [
        Result.load(_run(vary(recipe, {"training.seed": seed}), folder).folder) for seed in seeds
    ]


def _figures(results: Sequence[Result]) -> dict[str, list[float]]:
    if not results:
        return {}
    return {
        f"{direction}.{name}": [
            float(r.headline.outcomes[direction].metrics[name])  # type: ignore[literal-required]
            for r in results
        ]
        for direction, name in FIGURES
    }


def spread(values: Sequence[float]) -> str:
    """`93.4 ± 1.2`: mean and standard deviation over seeds (n − 1)."""
    if len(values) < 2:
        return f"{values[0]:.1f}"
    return f"{mean(values):.1f} ± {stdev(values):.1f}"


def markdown(table: Sequence[Line]) -> str:
    """The table, as Markdown."""
    axes = list(dict.fromkeys(axis for row in table for axis in row.label))
    twins = any(row.comparison for row in table)
    # The last word of a key says enough, unless two keys end alike.
    ends = [re.split(r"[.]", axis)[-1] for axis in axes]
    heads = [
        end if ends.count(end) == 1 and end != "kind" else axis
        for axis, end in zip(axes, ends, strict=True)
    ]
    heads = [head.removeprefix("model.").removesuffix(".kind") for head in heads] or ["setting"]
    heads += ["R@1", "R@5", "mean rank", "R@1 video to text"]
    if twins:
        heads += ["twin's R@1", "difference (95 %)", "p"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in table:
        named = [row.label.get(axis, "") for axis in axes] or [""]
        if not any(named):
            named[0] = "as the recipe says"
        named += [spread(row.figures[f"{direction}.{name}"]) for direction, name in FIGURES]
        if row.comparison:
            tested = row.comparison.decisive
            p = "< 0.001" if tested.p < 0.001 else f"{tested.p:.3f}"
            named += [
                spread(row.twin["text_to_video.r1"]),
                f"{tested.difference:+.1f} ({tested.low:+.1f} to {tested.high:+.1f})",
                p,
            ]
        lines.append("| " + " | ".join(named) + " |")
    seeds = len(next(iter(table[0].figures.values())))
    note = (
        f"\nMean ± standard deviation over {seeds} seed{'s' if seeds > 1 else ''}; text to video "
    )
    note += "where nothing else is said."
    if twins:
        note += (
            " The difference to the twin is tested by flipping signs video by video, hits averaged "
            "over seeds."
        )
    return "\n".join([*lines, note]) + "\n"


def to_json(recipe: Recipe, table: Sequence[Line]) -> dict[str, Any]:
    """The table as JSON values."""
    return {
        "name": recipe.name,
        "seeds": list(recipe.ablation.seeds),
        "against": recipe.ablation.against,
        "cells": [
            {
                "label": row.label,
                "figures": row.figures,
                "twin": row.twin,
                "test": asdict(row.comparison.decisive) if row.comparison else None,
                "verdict": row.comparison.verdict if row.comparison else None,
            }
            for row in table
        ],
    }


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
