"""LanceDB's two vector indices at 10⁵ moments, and after rows were replaced and deleted.

    python benchmarks/vector_index.py [--moments 100000] [--size 512] [--out FILE]

Time to build, bytes, and recall at 10 and latency of 50 queries against exact answers; the vectors
lie in clusters, the queries are `fdaclip.library.clusters.likely_queries`. The churn replaces a
tenth of the rows and deletes a tenth; recall is told before and after the index is refreshed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import IvfHnswSq, IvfPq
from numpy.typing import NDArray

from fdaclip.library.clusters import exactly, likely_queries

AT = 10


def vectors(count: int, size: int, seed: int) -> NDArray[np.float32]:
    """In clusters whose spread falls with the axis, as that of CLIP's vectors does, unit length."""
    rng = np.random.default_rng(seed)
    spread = (1 + np.arange(size)) ** -0.5
    centres = np.random.default_rng(0).standard_normal((1000, size)) * spread
    made = centres[rng.integers(0, 1000, count)] + 0.6 * spread * rng.standard_normal((count, size))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def table_of(numbers: NDArray[np.int64], rows: NDArray[np.float32]) -> pa.Table:
    column = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
    return pa.table({"number": numbers, "vector": column})


def bytes_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def asked(table: Any, queries: Any, truth: Any, **how: int) -> dict[str, float]:
    times, met = [], 0
    for query, best in zip(queries, truth, strict=True):
        began = time.perf_counter()
        search = table.search(query, vector_column_name="vector").distance_type("dot")
        for name, value in how.items():
            search = getattr(search, name)(value)
        found = search.select(["number"]).limit(AT).to_arrow().column("number").to_pylist()
        times.append(time.perf_counter() - began)
        met += len(set(found) & set(best))
    return {"recall": met / (AT * len(queries)), "p50_ms": 1000 * float(np.median(times))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moments", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--out", type=Path, default=Path("build/bench/vector_index.json"))
    given = parser.parse_args()
    count, size = given.moments, given.size
    held = vectors(count, size, 1)
    numbers = np.arange(count)
    queries = likely_queries(held, 50, np.random.default_rng(2))
    lists = round(count**0.5)
    kinds = {
        "IVF_PQ": (
            IvfPq(distance_type="dot", num_partitions=lists, num_sub_vectors=size // 8),
            [{"nprobes": p, "refine_factor": r} for p in (16, 64) for r in (5, 10, 20)],
        ),
        "IVF_HNSW_SQ": (
            IvfHnswSq(distance_type="dot", num_partitions=max(1, count // 100_000)),
            [{"ef": e, "refine_factor": 2} for e in (50, 150)],
        ),
    }
    result: dict[str, Any] = {"moments": count, "size": size, "rows": []}
    for kind, (config, ways) in kinds.items():
        with tempfile.TemporaryDirectory() as folder:
            table = lancedb.connect(folder).create_table("moments", table_of(numbers, held))
            plain = bytes_of(Path(folder))
            began = time.perf_counter()
            table.create_index("vector", config=config)
            row: dict[str, Any] = {"kind": kind, "build_s": time.perf_counter() - began}
            row["index_bytes_a_moment"] = (bytes_of(Path(folder)) - plain) / count
            truth = exactly(held, queries, AT)
            row["asked"] = [way | asked(table, queries, truth, **way) for way in ways]
            best = ways[-1]
            tenth = count // 10
            now = held.copy()
            now[:tenth] = vectors(tenth, size, 3)
            merge = table.merge_insert("number").when_matched_update_all()
            merge.execute(table_of(numbers[:tenth], now[:tenth]))
            table.delete(f"number >= {count - tenth}")
            left = exactly(now[: count - tenth], queries, AT)
            row["churned"] = asked(table, queries, left, **best)
            began = time.perf_counter()
            table.optimize()
            row["refreshed"] = asked(table, queries, left, **best)
            row["refresh_s"] = time.perf_counter() - began
            result["rows"].append(row)
            print(json.dumps(row, indent=1), flush=True)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
