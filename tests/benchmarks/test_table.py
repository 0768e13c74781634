"""The one table: goals met and missed, rows of figures, the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rows import decode_rows, index_rows, runtime_rows, search_rows
from table import BEGIN, END, Goal, Row, as_markdown, as_text, write_between


def way(rate: float, faster: float, goal: float, precision: str) -> dict[str, Any]:
    return {
        "goal": goal,
        "runtime": "onnx",
        "precision": precision,
        "videos_per_second": rate,
        "encode_alone_videos_per_second": 2 * rate,
        "stage_share": {"decode": 0.3, "encode": 0.7},
        "stage_seconds_a_video": {"decode": 0.5, "encode": 1.2},
        "utilisation": 0.8,
        "times_faster": {
            "CLIP4Clip-style": {"median": faster},
            "a frame a second": {"median": 2 * faster},
        },
    }


PEER = {"videos_per_second": 0.5, "utilisation": 0.9}
AGREE = {"cosine_mean": 0.9999, "cosine_least": 0.9998, "same_nearest": 0.97}
INDEX = {
    "clips": 100,
    "videos_per_second_at_fp32_peak": 1.3,
    "ours": {"exact fp32": way(1.0, 2.0, 2.5, "fp32"), "exact int8": way(2.0, 4.0, 3.5, "int8")},
    "peers": {"CLIP4Clip-style": PEER, "a frame a second": PEER},
    "agreement": {"int8 beside fp32, exact": AGREE},
    "machine": {"cores": 2},
}


def searches(ours: float, faiss: float, recall: float) -> dict[str, Any]:
    def one(ms: float, recall: float) -> dict[str, float]:
        return {"p50_ms": ms / 2, "p95_ms": ms, "recall": recall}

    return {
        "fdaclip": one(ours, 0.97),
        "numpy brute force": one(80, 1.0),
        "faiss IVF-SQ8": one(faiss, recall),
        "faiss flat": one(300, 1.0),
    }


def test_a_goal_is_met_at_its_bound_and_says_by_how_much_it_is_missed() -> None:
    assert Goal(2.5, 2.5).verdict() == "met"
    assert Goal(2.0, 2.5).verdict() == "**missed** by 0.5× (20%)"
    assert Goal(0.25, 0.3, "s", most=True).verdict() == "met"
    assert Goal(4.5, 3, "s", most=True).verdict() == "**missed** by 1.50 s (50%)"
    assert Goal(80, 90, "%").verdict() == "**missed** by 10 %"


def test_indexing_is_shown_beside_peers_and_limits() -> None:
    rows = index_rows(INDEX)
    assert all(isinstance(row, Row) for row in rows)
    first, second = rows[:2]
    assert (first.ours, first.peer) == ("1 videos/s", "CLIP4Clip-style: 0.5 videos/s")
    decoding = "; 4 (its decoding alone): 8×"
    assert first.limit == f"1.30 (encoding at the fp32 peak): 2.60×{decoding}"
    assert second.limit == f"4 (its encoder alone): 8×{decoding}"
    assert first.goal and not first.goal.met and second.goal and second.goal.met


def test_the_faster_faiss_counts_only_if_it_finds_enough() -> None:
    found = {"moments": 10**6, "searches": searches(12, 1, 0.90)}
    rows = search_rows({"sizes": [found], "at": 10, "cold": {"help_s": 0.1}})
    assert "faiss flat" in rows[0].peer
    assert rows[0].goal and rows[0].goal.verdict() == "**missed** by 2 ms (20%)"
    found = {"moments": 10**6, "searches": searches(12, 1, 0.96)}
    rows = search_rows({"sizes": [found], "at": 10, "cold": {}})
    assert "faiss IVF-SQ8" in rows[0].peer and rows[0].ratio == "0.0833×"


def test_both_forms_hold_every_cell() -> None:
    rows = index_rows(INDEX)
    lines = as_markdown(rows).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    text = as_text(rows)
    for row in rows:
        for cell in row.cells():
            assert cell in as_markdown(rows) and cell.replace("**", "") in text


def test_a_page_keeps_what_is_around_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_between(page, "new")
    assert page.read_text() == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    write_between(page, "newer")
    assert "new\n" not in page.read_text()
    page.write_text("no marks")
    with pytest.raises(ValueError, match="lacks the marks"):
        write_between(page, "new")


def test_the_page_of_this_repository_has_the_marks() -> None:
    page = (Path(__file__).parents[2] / "docs" / "performance.md").read_text()
    assert page.count(BEGIN) == page.count(END) == 1


def test_only_the_promised_film_has_a_goal_for_anchored_frames() -> None:
    def film(name: str) -> dict[str, Any]:
        exact = {"median_ms": 1000, "times_exact": 1.0, "decoded": 400}
        anchored = {"median_ms": 350, "times_exact": 0.35, "decoded": 120}
        return {
            "film": name,
            "median_ms": {"fdaclip": 500, "torchcodec": 600},
            "best_peer": "torchcodec",
            "best_peer_times_ours": 1.2,
            "clips": {
                "exact, with partners": exact,
                "anchored, with partners": anchored,
                "anchored, with vectors": anchored,
            },
        }

    found = {"results": [film("720p"), film("720p, keyframe every 2 s")]}
    goals = [row.goal for row in decode_rows(found) if row.goal]
    assert [goal.verdict() for goal in goals] == ["met", "**missed** by 0.667× (17%)"]


def test_the_best_runtime_of_each_precision_is_held_to_the_goal() -> None:
    def tower(rate: float, share: float, **more: float) -> dict[str, Any]:
        both = {"frames_per_second": {"2": rate}, "share_of_fp32_peak": {"2": share}}
        return both | {"query_ms": 12.0} | more

    model = {
        "peak_gflops": {"2": 160.0},
        "gflop_per_frame": 8.0,
        "rows": {
            "torch fp32": tower(14, 0.7),
            "onnx fp32": tower(17, 0.85, cosine=1.0),
            "onnx int8": tower(30, 1.5, cosine=0.9998),
        },
    }
    rows = runtime_rows({"machine": {"processors": 2}, "models": {"b32": model}})
    held = {row.what: row.goal.verdict() for row in rows if row.goal}
    assert held == {
        "ViT-B/32 tower, onnx fp32, 2 clips side by side": "met",
        "ViT-B/32 tower, onnx int8, 2 clips side by side": "**missed** by 45 frames/s (60%)",
        "one sentence of 11 words, torch fp32": "met",
    }
    assert rows[1].limit == "20 frames/s (fp32 matrices)" and rows[1].ratio == "1.21×"
