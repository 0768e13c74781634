"""Results as rows of the table that papers of this field print."""

from __future__ import annotations

from collections.abc import Iterable

from fdaclip.evaluate.result import Outcome, Result, Row

COLUMNS = ("R@1", "R@5", "R@10", "MdR", "MnR")
HEADER = "| model | " + " | ".join([f"T→V {COLUMNS[0]}", *COLUMNS[1:]])
HEADER += " | " + " | ".join([f"V→T {COLUMNS[0]}", *COLUMNS[1:]]) + " |"
RULE = "|---|" + "--:|" * (2 * len(COLUMNS))


def markdown(results: Iterable[Result]) -> str:
    """A Markdown table: R@1, R@5, R@10, median and mean rank, text to video, then video to text.

    Extras follow their result, each with what it uses; the text below says on what the figures
    rest.
    """
    lines, notes = [HEADER, RULE], []
    for result in results:
        lines.append(row_text(result.headline))
        lines += [row_text(row, "+ ") for row in result.rows[1:]]
        notes.append(f"{result.headline.label}: {rests_on(result)}.")
        notes += [f"+ {row.label}: {row.note}." for row in result.rows[1:]]
    return "\n".join([*lines, "", *dict.fromkeys(notes)]) + "\n"


def row_text(row: Row, mark: str = "") -> str:
    """One line of the table; a dash where a way of ranking has no such direction."""
    cells = [mark + row.label.replace("|", "\\|")]
    for direction in ("text_to_video", "video_to_text"):
        cells += figures(row.outcomes.get(direction))
    return "| " + " | ".join(cells) + " |"


def figures(outcome: Outcome | None) -> list[str]:
    """The five figures as papers round them."""
    if outcome is None:
        return ["–"] * len(COLUMNS)
    m = outcome.metrics
    values = (m["r1"], m["r5"], m["r10"], m["median_rank"], m["mean_rank"])
    return [f"{value:.1f}" for value in values]


def interval_text(outcome: Outcome, name: str) -> str:
    """``42.1–48.6``; empty where there is no interval."""
    if name not in outcome.ci95:
        return ""
    low, high = outcome.ci95[name]
    return f"{low:.1f}–{high:.1f}"


def rests_on(result: Result) -> str:
    """Data, counts, interval of R@1, and whatever a reader must know beside the figures."""
    m = result.headline.outcomes["text_to_video"].metrics
    data = result.about.get("data", {})
    parts = [data["describe"]] if data else []
    if not data:
        parts.append(f"{m['queries']:,} queries, {m['candidates']:,} videos")
    if interval := interval_text(result.headline.outcomes["text_to_video"], "r1"):
        parts.append(f"T→V R@1 {m['r1']:.1f} (95 % {interval})")
    if m["tied"]:
        parts.append(f"{m['tied']:,} queries tied")
    return "; ".join(parts)
