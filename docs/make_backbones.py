"""Writes the table in docs/backbones.md from the zoo: python docs/make_backbones.py"""

from __future__ import annotations

from pathlib import Path

from fdaclip.cli.output import size
from fdaclip.model.zoo import ZOO, Backbone

PAGE = Path(__file__).with_name("backbones.md")
BEGIN, END = "<!-- from the zoo -->\n", "<!-- to here -->\n"
TASKS = {
    "ImageNet-1k, top-1": "ImageNet",
    "MS-COCO, text to image, R@1": "COCO",
    "MSR-VTT, text to video, R@1": "MSR-VTT",
}
COLUMNS = ["name", "px", "patch", "vector", "GFLOP", *TASKS.values(), "frames/s", "memory"]


def page() -> str:
    """The page, its table as the zoo is now."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


def table() -> str:
    """All backbones, those for research only apart, and what they were measured on."""
    heads = [*COLUMNS, "download", "licence"]
    left = {0, len(heads) - 1}
    rule = "|".join("---" if i in left else "--:" for i in range(len(heads)))
    rows = [f"| {' | '.join(heads)} |", f"|{rule}|", *map(row, ZOO)]
    machine = next((b.measured.machine for b in ZOO if b.measured), None)
    measured = (
        f"frames/s and memory: measured on {machine} (`python benchmarks/zoo.py --keep`)."
        if machine
        else "frames/s and memory: not measured yet (`python benchmarks/zoo.py --keep`)."
    )
    return "\n".join([*rows, "", measured, ""])


def row(b: Backbone) -> str:
    """A backbone's line; each published figure is a link to its source."""
    figures = {f.task: f"[{f.value}]({f.source})" for f in b.figures}
    measured = (
        [f"{b.measured.frames_per_s:.1f}", size(b.measured.memory_bytes)]
        if b.measured
        else ["", ""]
    )
    cells = [
        f"`{b.name}`",
        str(b.image_size),
        str(b.patch),
        str(b.embedding),
        f"{2 * b.multiply_adds / 1e9:.1f}",
        *(figures.get(task, "") for task in TASKS),
        *measured,
        size(b.download_bytes) if b.download_bytes else "",
        f"**research only** ({b.licence})" if b.research_only else b.licence,
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
