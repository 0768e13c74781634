"""A library of so many moments: time to build, disk, memory, latency and recall, beside peers.

    python benchmarks/scale.py [--sizes 10000 100000 1000000] [--queries 100] [--out FILE]

Vectors and sentences are those of `search.py`. They are committed through the library's own store
in batches, as indexing does, compacted, and prepared for search by the library's own writer. A
process of its own then opens the library and asks, which tells what a search needs in memory.
Latencies of the library and of its peers are measured one query at a time in one process.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from fdaclip.library import Library
from fdaclip.library.rows import Moment, Video
from fdaclip.library.stamp import SCHEMA, Stamp, write_stamp
from fdaclip.library.store import Store
from machine import machine
from search import (
    AT,
    SIZE,
    SPAN,
    WINDOWS,
    Floats,
    Known,
    World,
    best,
    brute_force,
    faiss_searches,
    library_searches,
    timed,
)

BATCH = 2000  # moments a commit
ASKED = 20  # queries by the process whose memory is read


def build(folder: Path, vectors: Floats, encoder: Known) -> dict[str, float]:
    """Seconds of the commits, of compacting, and of preparing the search."""
    folder.mkdir()
    store = Store.create(folder, SIZE)
    began = time.perf_counter()
    for first in range(0, len(vectors), BATCH):
        takes: dict[int, list[Moment]] = {}
        for row in range(first, min(first + BATCH, len(vectors))):
            start = SPAN * (row % WINDOWS)
            moment = Moment(start, start + SPAN, vectors[row], 0.1, 0.1, 1.0)
            takes.setdefault(row // WINDOWS + 1, []).append(moment)
        videos = [
            Video(f"/films/{take:07d}.mp4", 1, 1, str(take), take, "ok", "",
                  duration=SPAN * WINDOWS, moments=len(some))
            for take, some in takes.items()
        ]  # fmt: skip
        store.commit(takes, videos)
    committed = time.perf_counter()
    store.compact()
    compacted = time.perf_counter()
    settings = asdict(encoder.sampling), asdict(encoder.motion)
    write_stamp(folder, Stamp(SCHEMA, "made", SIZE, "made", *settings, SPAN, ""))
    Library(folder, encoder).remove("/films/0000001.mp4")  # a writer prepares the search
    prepared = time.perf_counter()
    return {
        "commit_s": committed - began,
        "compact_s": compacted - committed,
        "prepare_s": prepared - compacted,
    }


def disk(folder: Path) -> dict[str, int]:
    """Bytes of the tables and of what is derived from them."""
    found = {"tables": 0, "search": 0}
    for file in folder.rglob("*"):
        if file.is_file():
            derived = file.relative_to(folder).parts[0] == "search"
            found["search" if derived else "tables"] += file.stat().st_size
    return found


def asked_alone(folder: Path, queries: Path) -> dict[str, float]:
    """What a process that only searches holds, bytes; and s until its first answer."""
    command = [sys.executable, __file__, "--ask", str(folder), str(queries)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def ask(folder: Path, queries: Path) -> None:
    encoder = Known(np.load(queries))
    library = Library(folder, encoder)
    began = time.perf_counter()
    library.search("0", AT)
    first = time.perf_counter() - began
    for number in range(min(ASKED, len(encoder.vectors))):
        library.search(str(number), AT)
    status = dict(
        line.split(":", 1)
        for line in Path("/proc/self/status").read_text().splitlines()
        if ":" in line
    )
    own, mapped = (int(status[name].split()[0]) * 1024 for name in ("RssAnon", "RssFile"))
    print(json.dumps({"first_s": first, "own_bytes": own, "mapped_bytes": mapped}))


def measure(place: Path, size: int, queries: int) -> dict[str, Any]:
    world = World(seed=size, topics=max(50, size // 400))
    vectors = np.concatenate(
        [world.moments(min(50_000, size - first)) for first in range(0, size, 50_000)]
    )
    encoder = Known(world.sentences(queries))
    folder, asked = place / f"{size}.fdaclip", place / "queries.npy"
    np.save(asked, encoder.vectors)
    built = build(folder, vectors, encoder)
    memory = asked_alone(folder, asked)
    gone = WINDOWS  # of the file that was removed
    truth = brute_force(vectors[gone:], encoder.vectors) + gone
    library = Library(folder, encoder)

    few = max(10, min(queries, 20_000_000 // size))  # of what is slow
    searches = {
        **library_searches(library, truth, queries, few),
        "numpy brute force": timed(
            lambda n: best(vectors[gone:] @ encoder.vectors[n]) + gone, truth, few
        ),
        **faiss_searches(vectors, encoder.vectors, truth, queries, few),
    }
    bytes_ = disk(folder)
    shutil.rmtree(folder)
    return {
        "moments": size,
        **built,
        "disk": bytes_,
        "disk_bytes_per_moment": sum(bytes_.values()) / size,
        "alone": memory,
        "searches": searches,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="build, disk, memory, latency, recall by size")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="where libraries are made; needs 8 GB")
    parser.add_argument("--ask", type=Path, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=Path("build/bench/scale.json"))
    options = parser.parse_args()
    if options.ask:
        ask(*options.ask)
        return
    place = Path(tempfile.mkdtemp(prefix="fdaclip-scale-", dir=options.folder))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    sizes: list[dict[str, Any]] = []
    found = {"machine": machine(), "vector_size": SIZE, "at": AT, "sizes": sizes}
    try:
        for size in options.sizes:
            sizes.append(measure(place, size, options.queries))
            options.out.write_text(json.dumps(found, indent=2) + "\n")
    finally:
        shutil.rmtree(place, ignore_errors=True)
    for one in sizes:
        print(f"{one['moments']:,}: " + ", ".join(
            f"{name} p50 {got['p50_ms']:.2f} p95 {got['p95_ms']:.2f} ms, recall {got['recall']:.3f}"
            for name, got in one["searches"].items()
        ))  # fmt: skip


if __name__ == "__main__":
    main()
