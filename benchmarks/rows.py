"""What each benchmark's figures become in the one table."""

from __future__ import annotations

from typing import Any

from table import Goal, Row, number

Found = dict[str, Any]


def decode_rows(found: Found) -> list[Row]:
    """Twelve exact frames of a film beside the fastest peer; anchored clips beside exact ones."""
    rows = []
    for film in found["results"]:
        ours, best = film["median_ms"]["fdaclip"], film["best_peer"]
        rows.append(
            Row(
                f"decode 12 exact frames, {film['film']}",
                f"{number(ours)} ms",
                f"{best}: {number(film['median_ms'][best])} ms",
                ratio=f"{number(film['best_peer_times_ours'])}×",
            )
        )
    for film in found["results"]:
        promised = "keyframe every 2 s" in film["film"]
        exact = film["clips"]["exact, with partners"]
        for name in ("anchored, with partners", "anchored, with vectors"):
            clip = film["clips"][name]
            faster, fewer = 1 / clip["times_exact"], exact["decoded"] / clip["decoded"]
            what = f"12 frames {name}, {film['film']}"
            rows += [
                Row(
                    what,
                    f"{number(clip['median_ms'])} ms",
                    f"exact, with partners: {number(exact['median_ms'])} ms",
                    ratio=f"{number(faster)}×",
                    goal=Goal(faster, 2.5) if promised and "partners" in name else None,
                ),
                Row(
                    f"{what}: decoded",
                    f"{clip['decoded']} frames",
                    f"exact, with partners: {exact['decoded']}",
                    "12",
                    f"{number(fewer)}×",
                    Goal(fewer, 4) if promised and "partners" in name else None,
                ),
            ]
    return rows


def mask_rows(found: Found) -> list[Row]:
    """What masks cost, and how well they cover what moves."""
    share = 100 * found["mask_share_of_encoding"]
    return [
        Row(
            "masks of 12 frames beside encoding them (ViT-B/32, torch fp32)",
            f"{number(share)} % of its time",
            goal=Goal(share, 3, "%", most=True),
        ),
        Row(
            "masks, overlap with what truly moves (IoU), still and moving camera",
            f"{found['static_iou']:.2f}, {found['moving_iou']:.2f}",
            limit="1",
        ),
    ]


def encode_rows(found: Found) -> list[Row]:
    """The price of the fourth channel."""
    fps = found["frames_per_second"]
    return [
        Row(
            "ViT-B/32 with the mask as fourth channel, torch fp32",
            f"{number(fps['rgba'])} frames/s",
            f"transformers' RGB tower: {number(fps['plain'])} frames/s",
            ratio=f"{number(1 / found['time_over_plain']['rgba'])}×",
        )
    ]


def runtime_rows(found: Found) -> list[Row]:
    """Image towers side by side, one thread each, by runtime; the best of each precision counts."""
    rows = []
    lanes = str(found["machine"]["processors"])
    for model in found["models"].values():
        peak = model["peak_gflops"][lanes] / model["gflop_per_frame"]  # frames/s
        ways = {label: way["frames_per_second"][lanes] for label, way in model["rows"].items()}
        best = {
            precision: max((w for w in ways if w.endswith(precision)), key=ways.__getitem__)
            for precision in ("fp32", "int8")
            if any(way.endswith(precision) for way in ways)
        }
        for label, rate in ways.items():
            way = model["rows"][label]
            goal, what = None, f"ViT-B/32 tower, {label}, {lanes} clips side by side"
            if label == best.get("fp32"):
                goal = Goal(100 * way["share_of_fp32_peak"][lanes], 80, "% of the limit")
            if label == best.get("int8"):
                goal = Goal(rate, 75, "frames/s")
            plain = ways["torch fp32"]
            rows.append(
                Row(
                    what,
                    f"{number(rate)} frames/s"
                    + (f", cosine {way['cosine']:.4f}" if "cosine" in way else ""),
                    "" if label == "torch fp32" else f"torch fp32: {number(plain)} frames/s",
                    f"{number(peak)} frames/s (fp32 matrices)" if "fp32" in label else "",
                    "" if label == "torch fp32" else f"{number(rate / plain)}×",
                    goal,
                )
            )
        queries = {label: way["query_ms"] for label, way in model["rows"].items()}
        fastest = min(queries, key=queries.__getitem__)
        rows.append(
            Row(
                f"one sentence of 11 words, {fastest}",
                f"{number(queries[fastest])} ms",
                f"torch fp32: {number(queries['torch fp32'])} ms",
                ratio=f"{number(queries['torch fp32'] / queries[fastest])}×",
                goal=Goal(queries[fastest], 15, "ms", most=True),
            )
        )
    return rows


def pruning_rows(found: Found) -> list[Row]:
    """Pruned towers over whole ones, on the same runtime."""
    goals = {0.5: 2.0, 0.25: 4.0}
    rows = []
    for row in found["speed"]:
        if row["keep"] == 1:
            continue
        goal = goals.get(row["keep"])
        rows.append(
            Row(
                f"{row['backbone']} with {row['keep']:.0%} of the patches, {row['runtime']}",
                f"{number(row['frames_per_second'])} frames/s",
                f"whole: {number(row['frames_per_second'] / row['times_whole'])} frames/s",
                ratio=f"{number(row['times_whole'])}×",
                goal=Goal(row["times_whole"], goal) if goal else None,
            )
        )
    return rows


def index_rows(found: Found) -> list[Row]:
    """Indexing end to end."""
    rows = []
    peak = found["videos_per_second_at_fp32_peak"]
    for name, way in found["ours"].items():
        faster = way["times_faster"]["CLIP4Clip-style"]["median"]
        theirs = found["peers"]["CLIP4Clip-style"]["videos_per_second"]
        most, what = way["encode_alone_videos_per_second"], "its encoder alone"
        if way["precision"] == "fp32":
            most, what = peak, "encoding at the fp32 peak"
        decoding = found["machine"]["cores"] / way["stage_seconds_a_video"]["decode"]
        limits = ((most, what), (decoding, "its decoding alone"))
        limit = "; ".join(f"{number(v)} ({what}): {number(v / theirs)}×" for v, what in limits)
        rows.append(
            Row(
                f"index {found['clips']} clips, {name} ({way['runtime']})",
                f"{number(way['videos_per_second'])} videos/s",
                f"CLIP4Clip-style: {number(theirs)} videos/s",
                limit,
                f"{number(faster)}×",
                Goal(faster, way["goal"]) if way["goal"] else None,
            )
        )
    for name, way in found["ours"].items():
        faster = way["times_faster"]["a frame a second"]["median"]
        theirs = found["peers"]["a frame a second"]["videos_per_second"]
        rows.append(
            Row(
                f"the same, {name}",
                f"{number(way['videos_per_second'])} videos/s",
                f"a frame a second: {number(theirs)} videos/s",
                ratio=f"{number(faster)}×",
            )
        )
    for name, way in found["ours"].items():
        used = 100 * way["utilisation"]
        rows.append(
            Row(
                f"cores in use while indexing, {name}",
                f"{number(used)} %",
                f"CLIP4Clip-style: {found['peers']['CLIP4Clip-style']['utilisation']:.0%}",
                "100 %",
                goal=Goal(used, 90, "%"),
            )
        )
        rows.append(Row(f"where its time goes, {name}", shares(way["stage_share"])))
    for name, agree in found["agreement"].items():
        cosine = agree["cosine_least"]
        rows.append(
            Row(
                f"vectors of {name}",
                f"cosine {agree['cosine_mean']:.4f}, least {cosine:.4f}; "
                f"{agree['same_nearest']:.0%} of the 10 nearest clips the same",
                limit="1",
                goal=Goal(cosine, 0.999, "") if name.startswith("int8 beside fp32") else None,
            )
        )
    return rows


def search_rows(found: Found) -> list[Row]:
    """Search by size beside faiss and brute force, then cold starts."""
    rows = []
    for size in found["sizes"]:
        searches = dict(size["searches"])
        ours, exact = searches.pop("fdaclip"), searches["numpy brute force"]
        enough = [name for name in searches if searches[name]["recall"] >= 0.95 and "faiss" in name]
        peer = min(enough, key=lambda name: searches[name]["p95_ms"], default="numpy brute force")
        largest = size["moments"] >= 10**6
        what = f"search {size['moments']:,} moments"
        rows.append(
            Row(
                f"{what}, p50 / p95",
                f"{number(ours['p50_ms'])} / {number(ours['p95_ms'])} ms",
                f"{peer}: {number(searches[peer]['p50_ms'])} / "
                f"{number(searches[peer]['p95_ms'])} ms",
                f"brute force: {number(exact['p50_ms'])} / {number(exact['p95_ms'])} ms",
                f"{number(searches[peer]['p95_ms'] / ours['p95_ms'])}×",
                Goal(ours["p95_ms"], 10, "ms", most=True) if largest else None,
            )
        )
        rows.append(
            Row(
                f"{what}, recall@{found['at']}",
                f"{ours['recall']:.3f}",
                f"{peer}: {searches[peer]['recall']:.3f}",
                "1",
                goal=Goal(ours["recall"], 0.95, "") if largest else None,
            )
        )
    cold = found["cold"]
    for what, figure, bound in (
        ("cold `fdaclip search`, ONNX Runtime", "cold_search_s", 3.0),
        ("cold `fdaclip search`, a sentence asked before", "cold_search_asked_before_s", None),
        ("`fdaclip --help`", "help_s", 0.3),
    ):
        if figure in cold:
            goal = Goal(cold[figure], bound, "s", most=True) if bound else None
            rows.append(Row(what, f"{number(cold[figure])} s", goal=goal))
    return rows


def gpu_rows(found: Found) -> list[Row]:
    """Towers in bf16, training and decoding on a GPU."""
    device, rows = found["device"], []
    for name, tower in found["towers"].items():
        share = 100 * tower["share_of_peak"]
        ahead = tower["index_videos_per_second"] / tower["encode_videos_per_second"]
        rows += [
            Row(
                f"{device}: {name}, bf16",
                f"{number(tower['frames_per_second'])} frames/s",
                limit=f"{number(found['bf16_peak_tflops'])} TFLOP/s (bf16 matrices)",
                ratio=f"{number(share)} % of it",
                goal=Goal(share, 60, "%"),
            ),
            Row(
                f"{device}: {name}, indexing from files",
                f"{number(tower['index_videos_per_second'])} videos/s",
                limit=f"{number(tower['encode_videos_per_second'])} videos/s (its encoder alone)",
                ratio=f"{ahead:.0%} of it",
            ),
            Row(
                f"{device}: {name}, training step of 128 videos, 12 frames",
                f"{number(tower['training_step_seconds'])} s",
            ),
        ]
    return rows


def shares(stages: dict[str, float]) -> str:
    return ", ".join(f"{stage} {share:.0%}" for stage, share in stages.items())
