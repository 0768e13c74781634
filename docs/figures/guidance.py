"""Draws guidance.svg: accuracy on moving shapes against the speed of the image tower.

    python docs/figures/guidance.py [--figures build/bench/guidance.json]

Reads what `benchmarks/guidance.py` wrote.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

WIDTH, HEIGHT = 780, 420
LEFT, RIGHT, TOP, BOTTOM = 62, 200, 40, 70  # margins
BACKBONE, RUNTIME = "ViT-B/16", "onnx int8"


@dataclass(frozen=True)
class Series:
    """A line of points: its colour, and where its R@1 stand for each share of the patches."""

    label: str
    colour: str
    section: str
    names: dict[float, str]


SERIES = (
    Series(
        "alpha and pruning, trained so",
        "#b3402a",
        "trained",
        {1.0: "alpha", 0.5: "alpha, keep 0.5", 0.25: "alpha, keep 0.25"},
    ),
    Series(
        "pruning alone, trained so",
        "#2f6f8f",
        "trained",
        {1.0: "nothing", 0.75: "keep 0.75", 0.5: "keep 0.5", 0.25: "keep 0.25"},
    ),
    Series(
        "pruning at test alone",
        "#7a7a72",
        "at_test",
        {1.0: "nothing", 0.75: "keep 0.75", 0.5: "keep 0.5", 0.25: "keep 0.25"},
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--figures", type=Path, default=Path("build/bench/guidance.json"))
    found = json.loads(parser.parse_args().figures.read_text())
    speeds = {
        row["keep"]: row["times_whole"]
        for row in found["speed"]
        if (row["backbone"], row["runtime"]) == (BACKBONE, RUNTIME)
    }
    path = Path(__file__).with_name("guidance.svg")
    path.write_text(drawn(found["test"], speeds), encoding="utf-8")
    print(f"wrote {path}")


def drawn(test: dict[str, Any], speeds: dict[float, float]) -> str:
    """The picture as SVG."""
    right = max(speeds.values()) * 1.06
    across, up = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(faster: float) -> float:
        return LEFT + across * (faster - 0.85) / (right - 0.85)

    def y(r1: float) -> float:
        return TOP + up * (1 - r1 / 100)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="system-ui, sans-serif" font-size="13" fill="#33322e">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="10" fill="#fbfaf7"/>',
    ]
    for level in range(0, 101, 20):
        parts.append(f'<path d="M{LEFT} {y(level):.1f}H{LEFT + across}" stroke="#e3e0d8"/>')
        parts.append(text(LEFT - 10, y(level) + 4, str(level), "end"))
    for keep, faster in speeds.items():
        parts.append(
            f'<path d="M{x(faster):.1f} {TOP}V{TOP + up}" stroke="#e3e0d8" stroke-dasharray="2 4"/>'
        )
        parts.append(text(x(faster), TOP + up + 19, f"{faster:.2g}×", "middle"))
        label = "all" if keep == 1 else f"{keep:g}"
        parts.append(text(x(faster), TOP + up + 35, label, "middle", "#7a7a72"))
    parts.append(text(LEFT - 10, TOP - 16, "R@1, %", "end"))
    caption = f"frames a second of {BACKBONE}, and the share of the patches kept"
    parts.append(text(LEFT + across / 2, HEIGHT - 12, caption, "middle", "#7a7a72"))
    for series in SERIES:
        points = [
            (x(speeds[keep]), y(mean(test[series.section][name])))
            for keep, name in series.names.items()
        ]
        line = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{series.colour}" stroke-width="2.5"/>'
        )
        parts += [
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="5" fill="{series.colour}"/>' for a, b in points
        ]
        last = points[-1]
        parts.append(text(last[0] + 14, last[1] + 4, series.label, "start", series.colour))
    return "\n".join([*parts, "</svg>"]) + "\n"


def text(x: float, y: float, content: str, anchor: str, colour: str = "#33322e") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{content}</text>'


if __name__ == "__main__":
    main()
