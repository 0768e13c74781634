"""Charts as inline SVG: no scripts, no fonts of their own, colours by the page's style."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 560, 260  # of the drawing, in its own units
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 24, 52  # margins
RANKS = (1, 2, 6, 11, 21, 51, 101)  # where a bin of the histogram begins


@dataclass(frozen=True)
class Point:
    """A bar or a dot: its label, a second label below, a value in percent, and an interval."""

    label: str
    below: str
    value: float
    low: float | None = None
    high: float | None = None


def rank_bins(ranks: NDArray[np.float64]) -> list[Point]:
    """Share of queries whose right answer has rank 1, 2–5, 6–10, 11–20, 21–50, 51–100, beyond."""
    edges = [*RANKS, np.inf]
    points = []
    for low, high in pairwise(edges):
        inside = int(((ranks > low - 1) & (ranks <= high - 1)).sum())
        name = "1" if low == 1 else f"{low}–{high - 1:.0f}" if high < np.inf else f"> {low - 1}"
        points.append(Point(name, f"{inside:,}", 100 * inside / len(ranks)))
    return points


def bars(points: Sequence[Point], title: str, x: str) -> str:
    """A bar for each point, its value above it."""
    top = ceiling(max(point.value for point in points))
    slot = (WIDTH - LEFT - RIGHT) / len(points)
    drawn = []
    for i, point in enumerate(points):
        centre, y = LEFT + (i + 0.5) * slot, height(point.value, top)
        drawn.append(
            f'<rect class="bar" x="{centre - 0.36 * slot:.1f}" y="{y:.1f}" '
            f'width="{0.72 * slot:.1f}" height="{height(0, top) - y:.1f}" rx="3"/>'
            + text(centre, y - 6, f"{point.value:.1f}", "value")
            + below(centre, point)
        )
    return frame(title, x, top, drawn)


def dots(points: Sequence[Point], title: str, x: str, others: Sequence[Point] | None = None) -> str:
    """A dot with its interval for each point, joined by a line; `others` beside them, fainter."""
    series = [("own", points, 0.0)]
    if others is not None:
        series = [("other", others, 7.0), ("own", points, -7.0)]
    every = [point for _, some, _ in series for point in some]
    top = ceiling(max(point.high if point.high is not None else point.value for point in every))
    slot = (WIDTH - LEFT - RIGHT) / len(points)
    drawn = []
    for kind, some, shift in series:
        places = [
            (LEFT + (i + 0.5) * slot + shift, height(p.value, top)) for i, p in enumerate(some)
        ]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        drawn.append(f'<g class="{kind}"><polyline class="trend" points="{path}"/>')
        for point, (centre, y) in zip(some, places, strict=True):
            if point.low is not None and point.high is not None:
                low, high = height(point.low, top), height(point.high, top)
                drawn.append(f'<path class="whisker" d="M{centre:.1f} {low:.1f}V{high:.1f}"/>')
            drawn.append(f'<circle class="dot" cx="{centre:.1f}" cy="{y:.1f}" r="5"/>')
            drawn.append(text(centre + 8, y - 8, f"{point.value:.1f}", "value start"))
        drawn.append("</g>")
    drawn += [below(LEFT + (i + 0.5) * slot, point) for i, point in enumerate(points)]
    return frame(title, x, top, drawn)


def frame(title: str, x: str, top: float, drawn: Sequence[str]) -> str:
    """Axis, grid and titles around what is drawn."""
    grid = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = height(share * top, top)
        grid.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        grid.append(text(LEFT - 8, y + 4, f"{share * top:g}", "tick end"))
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(title)}">'
        f"<title>{html.escape(title)}</title>{''.join(grid)}{''.join(drawn)}"
        f"{text(LEFT - 8, 12, '%', 'tick end')}"
        f"{text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, x, 'tick')}</svg>"
    )


def below(centre: float, point: Point) -> str:
    """Labels under the axis."""
    base = height(0, 1)
    return text(centre, base + 17, point.label, "label") + text(
        centre, base + 32, point.below, "tick"
    )


def height(value: float, top: float) -> float:
    """Where a value lies on the drawing."""
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top


def ceiling(value: float) -> float:
    """A round number that is not below the value: the top of the axis."""
    return next((top for top in (2, 4, 10, 20, 40, 60, 80) if value <= top), 100)


def text(x: float, y: float, content: str, kind: str) -> str:
    """Text at a place; `kind` holds classes of the style."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{html.escape(content)}</text>'
