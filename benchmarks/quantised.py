"""How small a vector may be: bytes against recall, for each way to quantise it.

    python benchmarks/quantised.py [--moments 100000] [--queries 100] [--out FILE]

The vectors and sentences are those of `search.py`: made, with topics, a falling spectrum and
sentences that lie aside. All moments are compared in their quantised form (nothing is missed for
another reason than the quantisation), the best of them again by their whole vectors where it says
so. Recall is of the exact ten best. Needs faiss.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from machine import machine
from search import AT, SIZE, World, brute_force

Floats = NDArray[np.float32]
AGAIN = (0, 50, 500)  # best moments that are scored again by their whole vectors; 0: none
TRAINED_WITH = 50_000  # moments


@dataclass(frozen=True)
class Way:
    """A way to quantise: its name, faiss's recipe, bytes of a vector, moments scored again."""

    name: str
    recipe: str
    bytes: int
    again: tuple[int, ...] = AGAIN


WAYS = (
    Way("fp32", "Flat", 4 * SIZE, (0,)),
    Way("fp16", "SQfp16", 2 * SIZE, (0,)),
    Way("int8", "SQ8", SIZE),
    Way("int4", "SQ4", SIZE // 2),
    Way("PQ 128", "PQ128x8np", 128),
    Way("PQ 64", "PQ64x8np", 64),
    Way("PCA + PQ 64", "PCAR256,PQ64x8np", 64),  # a rotation at random, OPQ learns for minutes
    Way("PQ 32", "PQ32x8np", 32),
    Way("1 bit (RaBitQ)", "RR512,RaBitQ", SIZE // 8 + 8),
)


def quantised(moments: int, queries: int, ways: tuple[Way, ...] = WAYS) -> dict[str, Any]:
    """Bytes, recall at 10, seconds to make and ms a query of each way, for so many moments."""
    world = World(seed=moments, topics=max(50, moments // 400))
    blocks = [world.moments(min(50_000, moments - at)) for at in range(0, moments, 50_000)]
    vectors, asked = np.concatenate(blocks), world.sentences(queries)
    del blocks
    truth = brute_force(vectors, asked)
    rows = [row for way in ways for row in _measured(way, vectors, asked, truth)]
    return {"moments": moments, "queries": queries, "size": SIZE, "at": AT, "rows": rows}


def _measured(
    way: Way, vectors: Floats, asked: Floats, truth: NDArray[np.int64]
) -> list[dict[str, Any]]:
    began = time.perf_counter()
    index = faiss.index_factory(SIZE, way.recipe, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors[:: max(1, len(vectors) // TRAINED_WITH)])
    index.add(vectors)
    made = time.perf_counter() - began
    rows = []
    for again in way.again:
        few = max(again, AT)
        seconds, right = [], 0
        for number in range(len(asked)):
            began = time.perf_counter()
            found = index.search(asked[number : number + 1], few)[1][0]
            if again:
                found = found[np.argsort(-(vectors[found] @ asked[number]))[:AT]]
            seconds.append(time.perf_counter() - began)
            right += len(np.intersect1d(found[:AT], truth[number]))
        rows.append(
            {
                "way": way.name,
                "recipe": way.recipe,
                "bytes": way.bytes,
                "again": again,
                "recall": right / truth.size,
                "p50_ms": 1e3 * float(np.median(seconds)),
                "made_s": made,
            }
        )
        print(said(rows[-1]), flush=True)
    return rows


def said(row: dict[str, Any]) -> str:
    """One line of the table."""
    again = f"{row['again']} again" if row["again"] else ""
    return (
        f"{row['way']:16} {row['bytes']:5} bytes  {again:10} recall@{AT} {row['recall']:.3f}"
        f"  scan {row['p50_ms']:8.2f} ms  made in {row['made_s']:.1f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="bytes of a vector against recall")
    parser.add_argument("--moments", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("build/bench/quantised.json"))
    options = parser.parse_args()
    found = quantised(options.moments, options.queries)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"machine": machine(), **found}, indent=2) + "\n")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
