"""Ten thousand clips into a library: is memory flat? And again, unchanged: how long does it take?

    python benchmarks/many_clips.py [--clips 10000] [--out FILE]

The clips are tiny (half a second, 64×48) and all differ in content: sixty-four films, each written
many times with another number in a box that readers pass over. The encoder is a light stand-in, so
that what is measured is the library. The memory of this process and of its workers is read every
200 files; growth is a straight line fitted to the second half of the run.
"""

from __future__ import annotations

import argparse
import gc
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "library"))

FILMS = 64
EVERY = 200  # files between two looks
IN_A_FOLDER = 500
ROUNDS = 3  # of adding again


def make_clips(folder: Path, count: int) -> None:
    """So many files, some hundred in a folder, no two with the same content."""
    from tiny_films import film

    originals = [
        film(folder / "originals" / f"{number}.mp4", colour=number, seconds=0.5, rate=12)
        for number in range(FILMS)
    ]
    contents = [path.read_bytes() for path in originals]
    shutil.rmtree(folder / "originals")
    for number in range(count):
        place = folder / f"{number // IN_A_FOLDER:03d}"
        if number % IN_A_FOLDER == 0:
            place.mkdir()
        box = (16).to_bytes(4) + b"free" + number.to_bytes(8)
        (place / f"{number:06d}.mp4").write_bytes(contents[number % FILMS] + box)


def measure(count: int, folder: Path) -> dict[str, Any]:
    """Indexing them, then indexing them again."""
    import numpy as np
    from footprint import Footprint, footprint
    from tiny_films import FakeEncoder

    from fdaclip.library import Library, Progress

    films, place = folder / "clips", folder / "many.fdaclip"
    films.mkdir()
    began = time.perf_counter()
    make_clips(films, count)
    made = time.perf_counter() - began
    looks: list[dict[str, float]] = []

    def look(now: Progress) -> None:
        if looks and now.done < looks[-1]["files"] + EVERY:
            return
        here = footprint()
        workers: list[Footprint] = []
        for child in here.children:
            try:
                workers.append(footprint(child))
            except OSError:
                continue
        looks.append(
            {
                "files": now.done,
                "memory": here.memory,
                "workers": float(max((one.memory for one in workers), default=0)),
                "open_files": here.files,
                "threads": here.threads,
                "children": len(here.children),
            }
        )

    library = Library(place, FakeEncoder())
    began = time.perf_counter()
    report = library.add(films, processes=2, progress=look)
    indexed = time.perf_counter() - began
    assert report.encoded == count, f"{report.encoded} of {count} were encoded: {report.bad[:3]}"
    second = [one for one in looks if count / 2 <= one["files"] < count]
    x = np.array([one["files"] for one in second])

    def growth(name: str) -> float:
        return float(np.polyfit(x, [one[name] for one in second], 1)[0])

    del library
    gc.collect()
    again, opened = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        fresh = Library(place, FakeEncoder())
        opened.append(time.perf_counter() - began)
        report = fresh.add(films)
        again.append(time.perf_counter() - began)
        assert report.unchanged == count and not report.encoded
    return {
        "clips": count,
        "made_s": made,
        "indexed_s": indexed,
        "memory": {
            "looks": looks,
            "highest": max(one["memory"] for one in looks),
            "workers_highest": max(one["workers"] for one in looks),
            "bytes_per_file": growth("memory"),
            "workers_bytes_per_file": growth("workers"),
            "open_files": [second[0]["open_files"], second[-1]["open_files"]],
            "threads": [second[0]["threads"], second[-1]["threads"]],
        },
        "again_s": float(np.median(again)),
        "again_rounds_s": again,
        "library_bytes": sum(f.stat().st_size for f in place.rglob("*") if f.is_file()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="memory while indexing, and adding again")
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="where clips and library are made; 1 GB")
    parser.add_argument("--out", type=Path, default=Path("build/bench/many_clips.json"))
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fdaclip-many-", dir=options.folder))
    try:
        found = measure(options.clips, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    memory = found["memory"]
    print(
        f"{found['clips']} clips in {found['indexed_s']:.0f} s; highest "
        f"{memory['highest'] / 1e6:.0f} MB, a worker {memory['workers_highest'] / 1e6:.0f} MB; "
        f"growth {memory['bytes_per_file']:.0f} and {memory['workers_bytes_per_file']:.0f} bytes "
        f"a file; open files {memory['open_files']}, threads {memory['threads']}; "
        f"again in {found['again_s']:.2f} s"
    )


if __name__ == "__main__":
    main()
