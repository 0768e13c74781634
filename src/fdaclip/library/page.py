"""A contact sheet for the browser: hits with their frames and what moves in them, in one file."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fdaclip.motion import MotionConfig, analyse_motion, overlay
from fdaclip.sheet import jpeg, sheet, shown
from fdaclip.video import Sampling, VideoError, open_video

from .hits import Hit

FRAMES = 4  # shown of a hit
SHORT_SIDE = 240  # px of a picture


def write_page(
    path: str | os.PathLike[str],
    hits_by_query: Mapping[str, Sequence[Hit]],
    *,
    sampling: Sampling | None = None,
    motion: MotionConfig | None = None,
    title: str = "fdaclip",
    nothing: bool | None = None,
) -> None:
    """Write hits as one self-contained HTML page: no scripts, nothing fetched, light and dark.

    Args:
        path: the page; an existing one is replaced when the new one is whole.
        hits_by_query: sentences with their hits, best first.
        sampling: whose partner delay the masks are made with. motion: how. Defaults if None.
        title: of the page.
        nothing: say of every query that none of its hits is what was asked for.

    Raises:
        OSError: the page cannot be written.
    """
    sampling = replace(sampling or Sampling(), frames=FRAMES)
    sections = "\n".join(
        _section(query, hits, sampling, motion or MotionConfig(), bool(nothing))
        for query, hits in hits_by_query.items()
    )
    page = sheet(title, sections, STYLE, FOOTER)
    target = Path(path)
    unfinished = target.with_name(target.name + ".new")
    unfinished.write_text(page.replace("{sections}", sections), "utf-8", errors="replace")
    unfinished.replace(target)


def _section(
    query: str, hits: Sequence[Hit], sampling: Sampling, motion: MotionConfig, nothing: bool
) -> str:
    best = max((hit.score for hit in hits), default=0.0)
    cards = "\n".join(
        _card(rank, hit, best, sampling, motion) for rank, hit in enumerate(hits, start=1)
    )
    empty = "" if hits else '<p class="empty">No moments.</p>'
    if hits and nothing:
        empty = '<p class="nothing">Nothing here looks like that. Nearest:</p>'
    return (
        f'<section><h2><span class="quote">“</span>{html.escape(query)}'
        f'<span class="quote">”</span></h2>{empty}<ol>{cards}</ol></section>'
    )


def _card(rank: int, hit: Hit, best: float, sampling: Sampling, motion: MotionConfig) -> str:
    folder, name = os.path.split(hit.path)
    share = max(0.0, hit.score / best) if best > 0 else 0.0
    word = f'<em class="match {hit.match}">{hit.match}</em>' if hit.match else ""
    sure = "" if hit.confidence is None else f", sureness {hit.confidence:.2f}"
    return f"""<li class="card">
<div class="strip">{_pictures(hit, sampling, motion)}</div>
<div class="facts">
<span class="rank">{rank}</span>
<div class="what"><strong title="{shown(hit.path)}">{shown(name)}</strong>
<span class="folder">{shown(folder)}</span></div>
<div class="score" title="cosine of query and moment{sure}">{word}<b>{hit.score:.3f}</b>
<i style="--share:{share:.3f}"></i></div>
</div>
<ul class="tags">{"".join(_tags(hit))}</ul>
</li>"""


def _tags(hit: Hit) -> list[str]:
    """What is to be known of a hit, as list items."""
    tags = [
        f"<li>{_clock(hit.start)} – {_clock(hit.end)}</li>",
        f"<li>{hit.share:.0%} of the picture moves</li>",
    ]
    if hit.offline:
        tags.append("<li>offline</li>")
    if hit.text:
        words = f"“{shown(hit.text)}”" if hit.text_span else "found by its name"
        tags.append(f"<li>{words}</li>")
    if hit.also:
        tags.append(f'<li title="{shown(", ".join(hit.also))}">+{len(hit.also)} copies</li>')
    for one in hit.alike:
        name = os.path.basename(one.path)  # noqa: PTH119 (paths are strings)
        times = f"{_clock(one.start)} – {_clock(one.end)}"
        tags.append(f'<li title="{shown(one.path)}">also in {shown(name)}, {times}</li>')
    for other in hit.others:
        times = f"{_clock(other.start)} – {_clock(other.end)}"
        tags.append(f"<li>and {times}, {other.score:.3f}</li>")
    return tags


def _pictures(hit: Hit, sampling: Sampling, motion: MotionConfig) -> str:
    """A column per frame: the frame, what moves in it, its time."""
    try:
        with open_video(hit.path) as video:
            clip = video.clip(
                start=hit.start,
                end=hit.end,
                sampling=sampling,
                short_side=SHORT_SIDE,
                vectors=motion.source == "codec",
            )
    except VideoError as error:
        return f'<p class="empty">No pictures: {shown(error.reason)}</p>'
    seen = analyse_motion(clip, motion)
    height, width = clip.rgb.shape[1:3]
    figures = []
    for t, time in enumerate(clip.times.tolist()):
        moving = seen.kind[t] == "moving"
        masked = overlay(clip.rgb[t], seen.masks[t, 0])
        label = "what moves" if moving else f"no mask: {seen.kind[t]}"
        note = "" if moving else f"<em>{'still' if seen.kind[t] == 'still' else 'cut'}</em>"
        figures.append(
            f'<figure style="--w:{width};--h:{height}">'
            f'<img alt="frame at {time:.2f} s" src="{jpeg(clip.rgb[t])}">'
            f'<span class="mask"><img alt="{label}" src="{jpeg(masked)}">{note}</span>'
            f"<figcaption>{_clock(time)}</figcaption></figure>"
        )
    return "".join(figures)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"


FOOTER = """Each hit: frames in order of time, below them what moves in them.
The score is the cosine of query and moment; the word says how far chance would get."""

STYLE = """
section { margin: 30px 0 54px; }
h2 { font: 500 27px/1.25 ui-serif, "Iowan Old Style", Georgia, serif; margin: 0 0 18px;
  text-wrap: balance; overflow-wrap: anywhere; }
ol { list-style: none; margin: 0; padding: 0; display: grid; gap: 22px;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 620px), 1fr)); }
.strip { display: flex; gap: 2px; background: var(--line); min-height: 60px; }
figure { margin: 0; flex: 1 1 0; min-width: 0; position: relative; display: flex;
  flex-direction: column; gap: 2px; }
figure img { display: block; width: 100%; aspect-ratio: var(--w) / var(--h); object-fit: cover;
  max-height: 340px; }
figcaption { position: absolute; left: 6px; top: 6px; }
figcaption { padding: 1px 6px; border-radius: 5px; background: #000a; color: #fff;
  font: 500 11px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
.facts { display: flex; align-items: center; gap: 14px; padding: 14px 16px 8px; }
.rank { font: 600 22px/1 ui-serif, Georgia, serif; color: var(--accent); min-width: 1.2em; }
.what { flex: 1; min-width: 0; }
.what strong, .folder { display: block; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.what strong { font-weight: 600; }
.folder { color: var(--soft); font-size: 12.5px; }
.score { min-width: 92px; white-space: nowrap; text-align: right;
  font-variant-numeric: tabular-nums; }
.score b { font-weight: 650; }
.score i { display: block; height: 4px; border-radius: 2px; margin-top: 5px;
  background: linear-gradient(var(--accent), var(--accent)) 0 / calc(var(--share) * 100%) 100%
  no-repeat var(--line); }
.match { font: 600 11px/1.5 system-ui, sans-serif; margin-right: 7px; color: var(--soft); }
.match.strong { color: #2c8a4b; }
.match.likely { color: #b07a10; }
.nothing { margin: -8px 0 18px; color: var(--soft); }
.empty { color: var(--soft); padding: 18px; margin: 0; }
@media (max-width: 560px) { h2 { font-size: 22px; } }
"""
