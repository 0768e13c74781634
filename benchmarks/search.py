"""Search in libraries of 10⁴, 10⁵ and 10⁶ moments, beside brute force and faiss; cold starts.

    python benchmarks/search.py [--sizes 10000 100000 1000000] [--queries 100] [--out FILE]

The vectors are made: topics around one common direction in a spectrum that falls as that of CLIP's
picture vectors does, moments spread about their topic; sentences lie beside all that, each about a
topic, not among the moments. They go into a library through its own store, and are searched through
`Library.search`, with a stand-in for the model that knows the sentences' vectors. Everything is
timed one query at a time; the peers see the same vectors and the same queries in the same run.
"fdaclip" is what one gets by default: neighbouring windows merged, copies folded; its recall is the
share of the ten best windows that lie within what is shown. "fdaclip windows" are those alone, as
the peers give them, and "fdaclip exact" compares every one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fdaclip.library import Hit, Library
from fdaclip.library.rows import Moment, Video
from fdaclip.library.stamp import SCHEMA, Stamp, write_stamp
from fdaclip.library.store import Store
from fdaclip.model.preprocess import Preprocess
from fdaclip.motion import MotionConfig
from fdaclip.video import Sampling

SIZE = 512  # of a vector
WINDOWS = 10  # moments a video
SPAN = 8.0  # s
AT = 10  # hits asked for
PLAIN = {"merge": False, "fold": False}  # the same windows as the peers
Floats = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description="search latency and recall, and cold starts")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="where libraries are made; needs 6 GB")
    parser.add_argument("--no-peers", action="store_true", help="leave faiss out")
    parser.add_argument("--export", type=Path, help="an exported model for the cold search")
    parser.add_argument("--out", type=Path, default=Path("build/bench/search.json"))
    options = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="fdaclip-search-", dir=options.folder))
    try:
        rows = [measure(place, size, options.queries, options.no_peers) for size in options.sizes]
        cold = {"help_s": help_time(), **cold_search(place, options.export)}
    finally:
        shutil.rmtree(place, ignore_errors=True)
    found = {"machine": machine(), "vector_size": SIZE, "at": AT, "sizes": rows, "cold": cold}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    for row in rows:
        for name, one in row["searches"].items():
            print(
                f"{row['moments']:>9,}  {name:24} p50 {one['p50_ms']:8.2f} ms  "
                f"p95 {one['p95_ms']:8.2f} ms  recall@{AT} {one['recall']:.3f}"
            )
        print(f"{'':11}built in {row['build_s']:.1f} s, first search {row['open_s']:.2f} s")
    for name, value in cold.items():
        print(f"{name:24} {value}")


# --- the data -------------------------------------------------------------------------------------


def unit(rows: NDArray[np.floating]) -> Floats:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@dataclass
class World:
    """Where moments and sentences lie."""

    seed: int
    topics: int
    rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        falling = np.arange(1, SIZE + 1, dtype=np.float32) ** -0.5
        self.spectrum = falling / np.linalg.norm(falling)
        self.common, self.gap = unit(self.rng.standard_normal((2, SIZE)))
        self.centres = unit(self.spread(self.topics))

    def spread(self, count: int) -> Floats:
        return self.rng.standard_normal((count, SIZE), np.float32) * self.spectrum

    def moments(self, count: int) -> Floats:
        topics = self.centres[self.rng.integers(0, self.topics, count)]
        return unit(0.7 * self.common + 0.55 * topics + 0.45 * unit(self.spread(count)))

    def sentences(self, count: int) -> Floats:
        topics = self.centres[self.rng.integers(0, self.topics, count)]
        aside = unit(self.rng.standard_normal((count, SIZE)))
        about = unit(topics + 0.5 * unit(self.spread(count)) + 0.5 * aside)
        return unit(0.3 * about + 0.8 * self.gap)


@dataclass
class Known:
    """A stand-in for the model: sentence number n has vector n, words have made-up ones."""

    vectors: Floats
    fingerprint: str = "made"
    embedding_size: int = SIZE
    source: str = "made"
    runtime: str = "none"
    precision: str = "fp32"
    sampling: Sampling = field(default_factory=Sampling)
    motion: MotionConfig = field(default_factory=MotionConfig)
    preprocess: Preprocess = field(default_factory=Preprocess)

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        if not texts[0].isdecimal():  # the bank that chance is learnt from
            rng = np.random.default_rng(len(texts[0]))
            return unit(self.vectors.mean(0) + 0.04 * rng.standard_normal((len(texts), SIZE)))
        return self.vectors[[int(text) for text in texts]]

    def encode_together(self, texts: Sequence[str]) -> Floats:
        return self.encode_texts(texts)

    def encode_rgba(self, clips: Sequence[NDArray[np.uint8]]) -> Floats:
        raise ValueError("no film is indexed here")


def library_of(folder: Path, vectors: Floats, encoder: Known) -> tuple[Library, float]:
    """A library that holds these vectors; s that its writer took to prepare the search."""
    folder.mkdir()
    store = Store.create(folder, SIZE)
    for first in range(0, len(vectors), 50_000):
        takes: dict[int, list[Moment]] = {}
        for row in range(first, min(first + 50_000, len(vectors))):
            start = SPAN * (row % WINDOWS)
            moment = Moment(start, start + SPAN, vectors[row], 0.1, 0.1, 1.0)
            takes.setdefault(row // WINDOWS + 1, []).append(moment)
        store.commit(
            takes,
            [
                Video(f"/films/{take:07d}.mp4", 1, 1, str(take), take, "ok", "", duration=80.0,
                      moments=len(some))
                for take, some in takes.items()
            ],
        )  # fmt: skip
    settings = asdict(encoder.sampling), asdict(encoder.motion)
    write_stamp(folder, Stamp(SCHEMA, "made", SIZE, "made", *settings, SPAN, ""))
    library = Library(folder, encoder)
    began = time.perf_counter()
    library.remove("/films/0000001.mp4")  # any writer prepares the search when it is done
    return library, time.perf_counter() - began


# --- the measurements -----------------------------------------------------------------------------


def measure(place: Path, size: int, queries: int, no_peers: bool) -> dict[str, object]:
    world = World(seed=size, topics=max(50, size // 400))
    vectors = np.concatenate(
        [world.moments(min(50_000, size - first)) for first in range(0, size, 50_000)]
    )
    encoder = Known(world.sentences(queries))
    library, build = library_of(place / f"{size}.fdaclip", vectors, encoder)
    gone = WINDOWS  # of the file that was removed
    truth = brute_force(vectors[gone:], encoder.vectors) + gone
    began = time.perf_counter()
    library.search("0", AT)
    opened = time.perf_counter() - began

    few = max(10, min(queries, 20_000_000 // size))  # of what is slow
    searches = {
        **library_searches(library, truth, queries, few),
        "numpy brute force": timed(
            lambda n: best(vectors[gone:] @ encoder.vectors[n]) + gone, truth, few
        ),
    }
    status = library.status()
    if not no_peers:
        searches |= faiss_searches(vectors, encoder.vectors, truth, queries, few)
    return {
        "moments": size,
        "build_s": build,
        "open_s": opened,
        "recall_told": status.recall,
        "disk_bytes": status.bytes,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "searches": searches,
    }


def library_searches(
    library: Library, truth: NDArray[np.int64], count: int, few: int
) -> dict[str, dict[str, float]]:
    """By default; windows alone; and windows alone, all compared."""
    ways: dict[str, tuple[dict[str, bool], int]] = {
        "fdaclip": ({}, count),
        "fdaclip windows": (PLAIN, count),
        "fdaclip exact": (PLAIN | {"exact": True}, few),
    }
    return {
        name: timed(lambda n, how=how: shown(library.search(str(n), AT, **how)), truth, many)
        for name, (how, many) in ways.items()
    }


def shown(hits: Sequence[Hit]) -> list[int]:
    """The rows of all windows that are in these hits, or are folded into one."""
    windows = [(hit.path, start) for hit in hits for start, _ in hit.spans]
    windows += [(one.path, one.start) for hit in hits for one in hit.alike]
    return [(int(Path(path).stem) - 1) * WINDOWS + round(start / SPAN) for path, start in windows]


def best(scores: Floats) -> NDArray[np.int64]:
    top = np.argpartition(-scores, AT)[:AT]
    return top[np.argsort(-scores[top])]


def brute_force(vectors: Floats, queries: Floats) -> NDArray[np.int64]:
    """The best rows of each query, [Q,AT]."""
    return np.stack([best(scores) for scores in queries @ vectors.T])


def timed(
    search: Callable[[int], Sequence[int] | NDArray[np.int64]],
    truth: NDArray[np.int64],
    count: int,
) -> dict[str, float]:
    """Once to warm up, then each query once."""
    for number in range(min(count, 5)):
        search(number)
    seconds, right = [], 0
    for number in range(count):
        began = time.perf_counter()
        found = search(number)
        seconds.append(time.perf_counter() - began)
        right += len(np.intersect1d(found, truth[number]))
    p50, p95 = np.percentile(seconds, [50, 95])
    recall = right / (AT * count)
    return {"p50_ms": 1e3 * p50, "p95_ms": 1e3 * p95, "recall": recall, "queries": count}


def faiss_searches(
    vectors: Floats, queries: Floats, truth: NDArray[np.int64], count: int, few: int
) -> dict[str, dict[str, float]]:
    """Flat, and an inverted file of scalar-quantised vectors with as many lists as ours."""
    try:
        import faiss
    except ImportError:
        return {}

    def through(index: faiss.Index, count: int) -> dict[str, float]:
        return timed(lambda n: index.search(queries[n : n + 1], AT)[1][0], truth, count)

    flat = faiss.IndexFlatIP(SIZE)
    flat.add(vectors)
    found = {"faiss flat": through(flat, few)}
    flat.reset()  # its copy of the vectors is large
    began = time.perf_counter()
    lists = round(len(vectors) ** 0.5)
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(SIZE), SIZE, lists, faiss.ScalarQuantizer.QT_8bit,
        faiss.METRIC_INNER_PRODUCT,
    )  # fmt: skip
    index.cp.max_points_per_centroid = 40
    index.train(vectors)
    index.add(vectors)
    built = time.perf_counter() - began
    for probes in (8, 16, 32, 64, 128):
        index.nprobe = probes
        one = through(index, count)
        if one["recall"] >= 0.95:
            break
    return found | {"faiss IVF-SQ8": one | {"probes": probes, "build_s": built}}


def help_time() -> float:
    """Median s of ``fdaclip --help``."""
    return median_run([sys.executable, "-m", "fdaclip", "--help"], {})


def cold_search(place: Path, export: Path | None) -> dict[str, float | str]:
    """s of ``fdaclip search`` in a new process: with an export, and for a sentence asked before."""
    if export is None:
        return {"cold_search": "no exported model given (--export)"}
    described = json.loads((export / "export.json").read_text())
    fingerprint = described["variants"][0]["fingerprint"]  # the model's own settings
    size, folder = described["embedding_size"], place / "cold.fdaclip"
    rng = np.random.default_rng(0)
    folder.mkdir()
    store = Store.create(folder, size)
    moments = [Moment(8.0 * i, 8.0 * i + 8, unit(rng.standard_normal(size)), 0.1, 0.1, 1.0)
               for i in range(10_000)]  # fmt: skip
    rows = [Video("/films/a.mp4", 1, 1, "1", 1, "ok", "", duration=8e4, moments=len(moments)),
            Video("/films/b.mp4", 1, 1, "2", 0, "bad", "made")]  # fmt: skip
    store.commit({1: moments}, rows)
    settings = asdict(Sampling()), asdict(MotionConfig())
    stamp = Stamp(SCHEMA, fingerprint, size, str(export), *settings, SPAN, "")
    write_stamp(folder, stamp)
    Library(folder).remove("/films/b.mp4")
    cache = place / "cache" / "exports"
    cache.mkdir(parents=True)
    name = f"{fingerprint}-{described['runtime']}-{described['precision']}"
    (cache / name).symlink_to(export.resolve())
    env = {"FDACLIP_CACHE": str(cache.parent)}
    command = [sys.executable, "-m", "fdaclip", "search", "--library", str(folder)]
    fresh = [
        run_time([*command, f"a dog catches frisbee number {number}"], env) for number in range(5)
    ]
    again = median_run([*command, "a dog catches frisbee number 0"], env)
    return {"cold_search_s": float(np.median(fresh)), "cold_search_asked_before_s": again}


def median_run(command: list[str], env: dict[str, str]) -> float:
    return float(np.median([run_time(command, env) for _ in range(5)]))


def run_time(command: list[str], env: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **env})
    return time.perf_counter() - began


def machine() -> dict[str, object]:
    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), name)
    return {"processor": name, "processors": os.cpu_count(), "python": platform.python_version(),
            "numpy": np.__version__}  # fmt: skip


if __name__ == "__main__":
    main()
