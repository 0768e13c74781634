"""A result as one page for the browser: figures, charts, and the queries behind them."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fdaclip.evaluate.ahead import ClipSource, look
from fdaclip.evaluate.bootstrap import intervals
from fdaclip.evaluate.charts import Point, bars, dots, rank_bins
from fdaclip.evaluate.compare import compare
from fdaclip.evaluate.contests import Contests, choose
from fdaclip.evaluate.embeddings import Embeddings
from fdaclip.evaluate.files import whole_file
from fdaclip.evaluate.result import DIRECTIONS, Outcome, Result, Row
from fdaclip.evaluate.style import STYLE
from fdaclip.evaluate.table import interval_text
from fdaclip.motion import overlay
from fdaclip.sheet import jpeg, sheet, shown

FRAMES = 4  # shown of a clip
BINS = 5  # of motion

Pictures = Mapping[int, str]  # the strip of each video that is shown, as HTML


@dataclass(frozen=True)
class Exhibit:
    """Sentences of one kind: a heading, what it means, which."""

    title: str
    meaning: str
    sentences: list[int]


def write_page(
    path: str | os.PathLike[str],
    result: Result,
    embeddings: Embeddings,
    found: Contests,
    clips: ClipSource,
    *,
    guided: bool = True,
    against: Result | None = None,
    examples: int = 4,
) -> None:
    """Write one self-contained HTML page: no scripts, nothing fetched, light and dark.

    Args:
        path: the page; an existing one is replaced when the new one is whole.
        result, embeddings, found: of the same evaluation.
        clips: V clips as the model saw them; those that are shown are decoded again.
        guided: does the model see the masks? The page says so where it does not.
        against: a result on the same queries, to be tested against and drawn beside.
        examples: sentences of each kind that are shown.

    Raises:
        NotComparable: `against` rests on other queries.
        fdaclip.video.VideoError: a file that is to be shown cannot be read any more.
        OSError: the page cannot be written.
    """
    other = Rival(result, against) if against else None
    ranks = result.ranks["text_to_video"]
    choice = choose(found, ranks, result.owner, examples)
    exhibits = [
        Exhibit("Clearest", "right, with the largest lead over every other video", choice.best),
        Exhibit("Confused", "wrong by the narrowest margin", choice.confused),
        Exhibit("Worst", "the right video is ranked lowest", choice.worst),
    ]
    shown = {int(result.owner[q]) for exhibit in exhibits for q in exhibit.sentences}
    shown |= {int(found.rival[q]) for q in (*choice.confused, *choice.worst)}
    pictures = {video: strip(clips, video) for video in sorted(shown)}
    sections = [
        summary(result),
        charts(result, other),
        *(
            section(exhibit, result, embeddings, found, pictures)
            for exhibit in exhibits
            if exhibit.sentences
        ),
        origins(result),
    ]
    note = "" if guided else " This model is not shown the masks."
    footer = (
        f"Frames are those that the model saw, in order of time; below them what moves.{note} "
        "Scores are the model's, before any scale."
    )
    page = sheet(result.headline.label or "Evaluation", "\n".join(sections), STYLE, footer)
    with whole_file(path) as file:
        file.write(page.encode("utf-8", "replace"))


# -- figures ----------------------------------------------------------------------------------


def summary(result: Result) -> str:
    """The headline, on what it rests, and the table of all rows."""
    outcome = result.headline.outcomes["text_to_video"]
    data = result.about.get("data", {})
    m = outcome.metrics
    rests = data.get("describe") or f"{m['queries']:,} queries, {m['candidates']:,} videos"
    interval = interval_text(outcome, "r1")
    warnings = "".join(f'<li class="warn">{html.escape(text)}</li>' for text in cautions(result))
    rows = "".join(table_row(row, extra=i > 0) for i, row in enumerate(result.rows))
    notes = "".join(
        f"<li><b>{html.escape(row.label)}</b> {html.escape(row.note)}</li>"
        for row in result.rows[1:]
    )
    return f"""<section class="top"><div class="hero"><p class="figure">{m["r1"]:.1f}</p>
<p><b>R@1, text to video</b>{f"<br>95 % interval {interval}" if interval else ""}<br>
<span class="soft">{html.escape(rests)}</span></p></div>
<ul class="tags">{warnings}</ul>
<div class="scroll"><table><thead><tr><th></th>
<th colspan="5">text → video</th><th colspan="5">video → text</th></tr>
<tr><th></th>{"<th>R@1</th><th>R@5</th><th>R@10</th><th>MdR</th><th>MnR</th>" * 2}</tr></thead>
<tbody>{rows}</tbody></table></div>
<ul class="notes">{notes}</ul></section>"""


def table_row(row: Row, extra: bool) -> str:
    """Figures with their intervals below."""
    cells = "".join(
        cell(row.outcomes.get(direction), name)
        for direction in DIRECTIONS
        for name in ("r1", "r5", "r10", "median_rank", "mean_rank")
    )
    label = html.escape(row.label or "this model")
    return f'<tr class="{"extra" if extra else "main"}"><th>{label}</th>{cells}</tr>'


def cell(outcome: Outcome | None, name: str) -> str:
    if outcome is None:
        return "<td>–</td>"
    value = dict(outcome.metrics)[name]
    return f"<td>{value:.1f}<small>{interval_text(outcome, name)}</small></td>"


def cautions(result: Result) -> Iterable[str]:
    """What a reader must know beside the figures."""
    data = result.about.get("data", {})
    if missing := data.get("missing"):
        yield f"{len(missing):,} videos are missing: the figures rest on the others"
    for dropped in data.get("dropped", ()):
        yield str(dropped)
    tied = result.headline.outcomes["text_to_video"].metrics["tied"]
    if tied:
        yield f"{tied:,} queries have a tie with a wrong video; ties count against them"


class Rival:
    """Another result on the same queries, its name, and what a test says of the two."""

    def __init__(self, result: Result, other: Result) -> None:
        self.result, self.name = other, other.headline.label or "the other"
        own = result.headline.label or "this model"
        if own == self.name:
            own, self.name = f"{own} (this)", f"{self.name} (the other)"
        compared = compare(result, other, names=(own, self.name))
        self.text = (
            f'<p class="verdict">{shown(compared.verdict)} '
            f'<span class="soft">{shown(compared.caution)}</span></p>'
            f'<p>In the charts by motion: <span class="own key">● {shown(own)}</span> '
            f'<span class="other key">● {shown(self.name)}</span></p>'
        )


def charts(result: Result, other: Rival | None) -> str:
    """Rank histograms of both directions, and R@1 by motion where that is known."""
    ranks = result.ranks
    drawn = [
        ("Where the right video stands", bars(rank_bins(ranks["text_to_video"]), "Ranks", "rank")),
        (
            "Where a video's best sentence stands",
            bars(rank_bins(ranks["video_to_text"]), "Ranks", "rank"),
        ),
    ]
    for title, motion, x in (
        ("R@1 by motion energy", result.energy, "motion energy of the video, % of full scale"),
        ("R@1 by moving share", result.share, "share of the picture that moves, %"),
    ):
        if motion is not None:
            points = by_motion(ranks["text_to_video"], result.owner, motion)
            beside = None
            if other:
                theirs = other.result.ranks["text_to_video"]
                beside = by_motion(theirs, result.owner, motion)
            drawn.append((f"{title}, text to video", dots(points, title, x, beside)))
    figures = "".join(
        f'<figure class="chart"><figcaption>{title}</figcaption>{svg}</figure>'
        for title, svg in drawn
    )
    verdict = other.text if other else ""
    return (
        f'<section><h2>Ranks and motion</h2>{verdict}<div class="charts">{figures}</div></section>'
    )


def by_motion(
    ranks: NDArray[np.float64], owner: NDArray[np.int64], motion: NDArray[np.float32]
) -> list[Point]:
    """R@1 with its interval, for fifths of the videos in order of their motion."""
    points = []
    for videos in np.array_split(np.argsort(motion, kind="stable"), BINS):
        inside = np.isin(owner, videos)
        if inside.any():
            low, high = 100 * motion[videos].min(), 100 * motion[videos].max()
            hits = ranks[inside]
            interval = intervals(hits, owner[inside])["r1"]
            value = 100 * float((hits <= 1).mean())
            label = f"{low:.2g}–{high:.2g}"
            points.append(Point(label, f"{len(videos):,} videos", value, *interval))
    return points


# -- pictures ---------------------------------------------------------------------------------


def section(
    exhibit: Exhibit,
    result: Result,
    embeddings: Embeddings,
    found: Contests,
    pictures: Pictures,
) -> str:
    """Sentences of one kind with their videos."""
    cards = "\n".join(card(q, result, embeddings, found, pictures) for q in exhibit.sentences)
    return (
        f"<section><h2>{exhibit.title}</h2><p class='soft'>{exhibit.meaning}</p>"
        f"<ol class='cards'>{cards}</ol></section>"
    )


def card(
    q: int, result: Result, embeddings: Embeddings, found: Contests, pictures: Pictures
) -> str:
    """A sentence, its right video, and the video that beat it."""
    owner, rival = int(result.owner[q]), int(found.rival[q])
    rank = result.ranks["text_to_video"][q]
    right = shot("right video", embeddings.names[owner], found.right[q], pictures[owner])
    beaten = ""
    if found.margin[q] <= 0:
        beaten = shot(
            "ranked first" if found.margin[q] < 0 else "tied with",
            embeddings.names[rival],
            found.rival_score[q],
            pictures.get(rival, ""),
        )
    lead = f"{found.margin[q]:+.4f} to the best other video".replace("-", "−")
    return f"""<li class="card"><h3><span class="quote">“</span>{shown(embeddings.captions[q])}<span
class="quote">”</span></h3>{right}{beaten}
<ul class="tags"><li>rank {rank:g} of {len(embeddings.names):,}</li><li>{lead}</li></ul></li>"""


def shot(role: str, name: str, score: float, pictures: str) -> str:
    """A video's strip with its name and score."""
    return (
        f'<div class="shot"><p><b>{role}</b> <span class="soft">{shown(name)}</span>'
        f'<span class="score">{score:.3f}</span></p><div class="strip">{pictures}</div></div>'
    )


def strip(clips: ClipSource, video: int) -> str:
    """A column per frame: the frame, and what moves in it."""
    rgba = look(clips, video).rgba
    figures = []
    for t in np.linspace(0, len(rgba) - 1, min(FRAMES, len(rgba))).round().astype(int):
        rgb = np.ascontiguousarray(rgba[t, :3].transpose(1, 2, 0))
        alpha = rgba[t, 3].astype(np.float32) / 255
        note = "<em>no mask: still or cut</em>" if alpha.min() >= 1 else ""
        figures.append(
            f'<figure><img alt="frame {t + 1} of {len(rgba)}" src="{jpeg(rgb)}">'
            f'<span class="mask"><img alt="what moves" src="{jpeg(overlay(rgb, alpha))}">'
            f"{note}</span></figure>"
        )
    return "".join(figures)


# -- how it was made --------------------------------------------------------------------------


def origins(result: Result) -> str:
    """Everything that is saved about the run, a line each."""
    lines = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{shown(value)}</dd>" for name, value in flat(result.about)
    )
    return f"<section><h2>How it was made</h2><dl>{lines}</dl></section>"


def flat(values: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, str]]:
    """Nested values as (dotted name, text)."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{before}{name}.")
        elif isinstance(value, str):
            yield before + name, value
        elif isinstance(value, list | tuple) and len(value) > 12:
            yield before + name, f"{len(value):,} of them, in result.json"
        else:
            yield before + name, json.dumps(value)
