"""The one table of `make bench`: rows, verdicts, and how they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- make bench: begin -->", "<!-- make bench: end -->"
NOTHING = "–"


@dataclass(frozen=True)
class Goal:
    """What a figure should reach.

    Attributes:
        value: the figure. bound: its goal. unit: for people.
        most: the figure should be at most the bound; else at least.
    """

    value: float
    bound: float
    unit: str = "×"
    most: bool = False

    @property
    def met(self) -> bool:
        return self.value <= self.bound if self.most else self.value >= self.bound

    def said(self) -> str:
        """The bound."""
        return f"{'≤' if self.most else '≥'} {number(self.bound)}{spaced(self.unit)}"

    def verdict(self) -> str:
        """Met, or missed by how much."""
        if self.met:
            return "met"
        short = abs(self.value - self.bound)
        share = f" ({short / abs(self.bound):.0%})" if self.bound and self.unit != "%" else ""
        return f"**missed** by {number(short)}{spaced(self.unit)}{share}"


@dataclass(frozen=True)
class Row:
    """One line: what is measured, by us, by the best or usual peer, and what is possible at most.

    Attributes:
        ratio: how many times better than the peer; for people.
    """

    what: str
    ours: str
    peer: str = ""
    limit: str = ""
    ratio: str = ""
    goal: Goal | None = None

    def cells(self) -> list[str]:
        goal = [self.goal.said(), self.goal.verdict()] if self.goal else ["", ""]
        return [x or NOTHING for x in (self.what, self.ours, self.peer, self.limit, self.ratio)] + [
            x or NOTHING for x in goal
        ]


HEAD = [*(field.name for field in fields(Row)), "verdict"]


def number(value: float) -> str:
    """Three digits or so."""
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 1 else f"{value:.3g}"


def spaced(unit: str) -> str:
    return unit if unit in ("×", "") else f" {unit}"


def as_text(rows: Sequence[Row]) -> str:
    """Columns for a terminal."""
    lines = [[name if name != "what" else "" for name in HEAD], *(row.cells() for row in rows)]
    lines = [[cell.replace("**", "") for cell in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def as_markdown(rows: Sequence[Row]) -> str:
    """The same for the docs."""
    head = "| " + " | ".join(name if name != "what" else "" for name in HEAD) + " |"
    lines = ["| " + " | ".join(row.cells()) + " |" for row in rows]
    return "\n".join([head, "|---" * len(HEAD) + "|", *lines])


def machine_line(machine: dict[str, Any]) -> str:
    """One sentence on what it was measured on."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    instructions = f" ({machine['instructions']})" if machine["instructions"] else ""
    return (
        f"Measured by `make bench` on {machine['date']}: {machine['processor']}{instructions}, "
        f"{machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}, "
        f"Python {machine['python']}; {versions}."
    )


def write_between(path: Path, text: str) -> None:
    """Replace what a page holds between the two marks.

    Raises:
        ValueError: the page has no such marks.
    """
    page = path.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{path} lacks the marks {BEGIN} and {END}")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
