"""What `make bench` runs: every benchmark in turn, one table, docs/performance.md.

    python benchmarks/bench.py [--only decode index] [--shown]

Each part is a program of its own that writes its figures to build/bench/NAME.json and what it says
to build/bench/NAME.log; it is stopped when it takes longer than it may, and the table then says so.
`--shown` runs nothing, and shows the figures that are there.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rows
from machine import machine
from table import Row, as_markdown, as_text, machine_line, write_between

HERE = Path(__file__).parent
FOLDER = Path("build/bench")
PAGE = HERE.parent / "docs" / "performance.md"


@dataclass(frozen=True)
class Part:
    """A benchmark: name, program with arguments, seconds it may take, what its figures become."""

    name: str
    program: str
    arguments: tuple[str, ...]
    limit: int
    rows: Callable[[dict[str, Any]], list[Row]]

    @property
    def figures(self) -> Path:
        return FOLDER / f"{self.name}.json"


PRUNING = (
    *("--only", "speed", "--rounds", "2"),
    *("--patches", "16", "--runtimes", "torch fp32"),
)
PARTS = (
    Part("decode", "decode.py", ("--repeats", "3", "--films", "2"), 240, rows.decode_rows),
    Part("masks", "masks.py", ("--scenes", "4", "--drawn", "1"), 180, rows.mask_rows),
    Part("encode", "encode.py", ("--rounds", "5"), 120, rows.encode_rows),
    Part("runtimes", "runtimes.py", ("--models", "b32", "--rounds", "2"), 400, rows.runtime_rows),
    Part("pruning", "guidance.py", PRUNING, 240, rows.pruning_rows),
    Part("index", "index.py", (), 900, rows.index_rows),
    Part("search", "search.py", (), 500, rows.search_rows),
)
GPU = Part("gpu", "gpu.py", (), 600, rows.gpu_rows)


def parts() -> tuple[Part, ...]:
    """Those of this machine."""
    import torch

    return (*PARTS, GPU) if torch.cuda.is_available() else PARTS


def run(part: Part) -> str:
    """Why it has no figures; empty if it has."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    part.figures.unlink(missing_ok=True)
    log = FOLDER / f"{part.name}.log"
    command = [sys.executable, str(HERE / part.program), *part.arguments]
    if part.name == "search":
        command += export_made()
    with log.open("w") as said:
        process = subprocess.Popen(
            [*command, "--out", str(part.figures)],
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that it can be stopped with all that it started
            env=os.environ | {"FDACLIP_CACHE": str(FOLDER.absolute() / "cache")},
        )
        try:
            code = process.wait(part.limit)
        except subprocess.TimeoutExpired:
            return f"stopped after {part.limit} s"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if code:
        return f"it failed with {code}: {last_line(log)}"
    return ""


def export_made() -> list[str]:
    """For a cold search, the export that indexing made."""
    figures = FOLDER / "index.json"
    found = json.loads(figures.read_text()) if figures.is_file() else {"ours": {}}
    folder = found["ours"].get("exact int8", {}).get("export")
    return ["--export", folder] if folder and Path(folder).is_dir() else []


def last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "it said nothing")


def rows_of(part: Part, failure: str) -> list[Row]:
    """A part's rows, or one that says why there are none."""
    if failure or not part.figures.is_file():
        return [Row(part.name, f"**not measured**: {failure or 'not run'}")]
    try:
        return part.rows(json.loads(part.figures.read_text()))
    except (KeyError, ValueError):
        return [Row(part.name, f"**not measured**: {part.figures} is of another version")]


def main() -> int:
    parser = argparse.ArgumentParser(description="every benchmark, one table")
    parser.add_argument("--only", nargs="+", metavar="PART", help="run these alone")
    parser.add_argument("--shown", action="store_true", help="run nothing, show what is there")
    options = parser.parse_args()
    here = parts()
    chosen = select(here, options)
    on = measured_on(options.shown)
    failures, began = {}, time.perf_counter()
    for part in chosen:
        started = time.perf_counter()
        failures[part.name] = run(part)
        state = failures[part.name] or "done"
        print(f"{part.name}: {state}, {time.perf_counter() - started:.0f} s", file=sys.stderr)
    table = [row for part in here for row in rows_of(part, failures.get(part.name, ""))]
    missed = [row for row in table if row.goal and not row.goal.met]
    print(as_text(table))
    minutes = (time.perf_counter() - began) / 60
    goals = sum(row.goal is not None for row in table)
    print(f"\n{goals - len(missed)} of {goals} goals met, in {minutes:.1f} minutes")
    if len(chosen) == len(here) or options.shown:
        write_between(PAGE, f"{machine_line(on)}\n\n{as_markdown(table)}")
        print(f"wrote {PAGE.relative_to(Path.cwd()) if PAGE.is_relative_to(Path.cwd()) else PAGE}")
    return 1 if any(failures.values()) else 0


def measured_on(shown: bool) -> dict[str, Any]:
    """The machine, kept beside the figures."""
    kept = FOLDER / "machine.json"
    if shown and kept.is_file():
        found: dict[str, Any] = json.loads(kept.read_text())
        return found
    found = machine()
    FOLDER.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(found, indent=2) + "\n")
    return found


def select(here: Sequence[Part], options: argparse.Namespace) -> list[Part]:
    """The parts to run."""
    if options.shown:
        return []
    if not options.only:
        return list(here)
    unknown = set(options.only) - {part.name for part in here}
    if unknown:
        names = ", ".join(part.name for part in here)
        raise SystemExit(f"no such part: {', '.join(sorted(unknown))}; there are {names}")
    return [part for part in here if part.name in options.only]


if __name__ == "__main__":
    raise SystemExit(main())
