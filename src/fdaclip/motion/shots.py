"""The hard cuts of a whole video, without decoding it whole.

A coder pays for a cut: it begins anew with a keyframe, or a frame's packet weighs a multiple of its
neighbours'. So the packets tell where a cut may be, and a file that shows no such trace needs no
decoding. Where there is one, the keyframes around it are compared: if they are alike, no lasting
cut is between them. Only where they differ the half second before and after the trace is decoded
frame by frame, small, and `find_cuts` decides.

What is missed: a cut that leaves no trace in the packets (some coders at a fixed bit rate, VP8 and
VP9 with hidden frames), an insert between two keyframes that are alike, dissolves and fades.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fdaclip.video import Packets, Video, VideoError, open_video
from fdaclip.video.packets import joined

from .cuts import SAME, SMALL, Glance, glance, watch

TIME_LIMIT = 20.0  # s without a frame after which no more cuts are looked for
POST = 2.0  # s between the keyframes that are compared first
AROUND = 25  # packets that one is compared with, itself included
OUTSIZED = 1.3  # times the third largest of those
SUBSTANTIAL = 0.3  # of the keyframe before or after it, the smaller: what a new picture weighs
REGULAR = 0.95  # of the largest distance of keyframes near by: a shorter one was chosen
STEP = 1.1  # from a keyframe's size to the next one's, where both show the same
MARGIN = 0.3  # s before and after a trace that are decoded, and besides
REORDERED = 4  # frames
SHORT = 1.0  # s: a stretch between keyframes that is decoded whole
TOUCHING = 0.25  # s: stretches that are nearer to each other are decoded as one
FEW = 16  # glances that are taken in one pass


@dataclass(frozen=True)
class Looked:
    """How far a video has been looked through, and the cuts that were found since the last one."""

    until: float
    cuts: tuple[float, ...] = ()


def find_shots(path: str | os.PathLike[str]) -> list[float]:
    """Times at which a new shot begins, in s, ascending; see `look_for_cuts`."""
    return sorted(cut for looked in look_for_cuts(path) for cut in looked.cuts)


def look_for_cuts(path: str | os.PathLike[str]) -> Iterator[Looked]:
    """The hard cuts of a video, as they are found.

    Memory is bounded by 17 bytes a packet. What cannot be read or decoded holds no cuts; no error
    of the file is raised.
    """
    with (
        suppress(VideoError),
        open_video(path, threads=1, time_limit=TIME_LIMIT, rough=True) as video,
    ):
        if not video.enterable:
            yield from decided(video, [(0.0, None)])
            return
        pieces = []
        for piece in video.packets():
            pieces.append(piece)
            yield Looked(0.0)
        packets = joined(pieces)
        traces = suspicious(packets)
        stretches: list[tuple[float, float]] = []
        for some in doubtful(video, packets, traces):
            stretches += some
            yield Looked(0.0)
        yield from decided(video, merged(stretches))


# --- what the packets tell -----------------------------------------------------------------------


def suspicious(packets: Packets) -> NDArray[np.float64]:
    """Times of the packets that may begin a shot, float64 [K], ascending.

    Where all are keyframes they tell nothing, and all are suspicious.
    """
    if packets.keys.all():
        return np.sort(packets.times)
    found = outsized(packets) | unusual_keys(packets)
    found[:1] = False
    return np.sort(packets.times[found])


def outsized(packets: Packets) -> NDArray[np.bool_]:
    """Which weigh much more than their neighbours, and about as much as a whole picture, bool [N].

    Keyframes are left out, as neighbours too.
    """
    found = np.zeros(len(packets), bool)
    others = np.flatnonzero(~packets.keys)
    sizes = packets.sizes[others]
    around = min(AROUND, len(sizes) - (len(sizes) + 1) % 2)
    if around < 5:  # too few to tell
        found[others] = True
        return found
    padded = np.pad(sizes, around // 2, mode="reflect")
    usual = np.empty(len(sizes), np.int64)
    views = np.lib.stride_tricks.sliding_window_view(padded, around)
    for first in range(0, len(sizes), 1 << 15):
        some = views[first : first + (1 << 15)]
        usual[first : first + len(some)] = np.partition(some, around - 4, axis=1)[:, around - 4]
    keys = np.flatnonzero(packets.keys)
    enough = np.zeros(len(sizes))
    if len(keys):
        after = np.searchsorted(keys, others)
        nearest = keys[np.stack([np.maximum(after - 1, 0), np.minimum(after, len(keys) - 1)])]
        enough = SUBSTANTIAL * packets.sizes[nearest].min(0)
    found[others] = (sizes > OUTSIZED * usual) & (sizes > enough)
    return found


def unusual_keys(packets: Packets) -> NDArray[np.bool_]:
    """Which keyframes come sooner than their like, or weigh otherwise than the last, bool [N]."""
    found = np.zeros(len(packets), bool)
    keys = np.flatnonzero(packets.keys)
    if len(keys) < 2:
        return found
    gaps = np.diff(keys)
    padded = np.pad(gaps, 5, mode="edge")
    longest = np.lib.stride_tricks.sliding_window_view(padded, 11).max(1)
    sizes = np.maximum(packets.sizes[keys], 1)
    step = sizes[1:] / sizes[:-1]
    sooner = gaps < REGULAR * longest
    found[keys[1:]] = sooner | (step > STEP) | (step < 1 / STEP)
    return found


# --- what the keyframes tell ---------------------------------------------------------------------


def doubtful(
    video: Video, packets: Packets, traces: NDArray[np.float64]
) -> Iterator[list[tuple[float, float]]]:
    """The stretches (begin, end), s, that must be decoded to know whether a cut is in them."""
    keys = np.unique(packets.times[packets.keys])
    margin = MARGIN + REORDERED * interval(packets)
    if not len(keys):
        yield around(traces, margin)
        return
    yield around(traces[(traces < keys[0]) | (traces > keys[-1])], margin)
    glances: dict[int, Glance | None] = {}
    spans = [span for span in pairwise(posts(keys)) if holds(traces, keys, span)]
    while spans:
        for first in range(0, len(spans), FEW):
            wanted = {place for span in spans[first : first + FEW] for place in span}
            places = sorted(wanted - glances.keys())
            glances |= dict(zip(places, glanced(video, keys[places]), strict=True))
            yield []
        differing = [span for span in spans if differ(glances[span[0]], glances[span[1]])]
        for begin, end in differing:
            if end == begin + 1:
                yield within(keys[begin], keys[end], traces, margin)
        halves = [(begin, (begin + end) // 2, end) for begin, end in differing if end > begin + 1]
        spans = [half for begin, middle, end in halves for half in ((begin, middle), (middle, end))]


def interval(packets: Packets) -> float:
    """Seconds from frame to frame, as a rule."""
    gaps = np.diff(np.sort(packets.times))
    return float(np.median(gaps)) if len(gaps) else 0.0


def posts(keys: NDArray[np.float64]) -> list[int]:
    """Places of keyframes at least `POST` apart, the first and the last among them."""
    chosen = [0]
    for place in range(1, len(keys)):
        if keys[place] - keys[chosen[-1]] >= POST:
            chosen.append(place)
    if chosen[-1] != len(keys) - 1:
        chosen.append(len(keys) - 1)
    return chosen


def holds(traces: NDArray[np.float64], keys: NDArray[np.float64], span: tuple[int, int]) -> bool:
    """Is there a trace after the first keyframe, up to the second?"""
    begin, end = np.searchsorted(traces, keys[list(span)], side="right")
    return bool(end > begin)


def glanced(video: Video, times: NDArray[np.float64]) -> list[Glance | None]:
    """The pictures shown at these ascending times, None for those that are lost."""
    try:
        frames = video.frames_at(times, short_side=SMALL)
    except VideoError:
        return [None] * len(times)
    seen = {
        float(asked): glance(time, rgb, None)
        for asked, time, rgb in zip(frames.requested, frames.times, frames.rgb, strict=True)
    }
    return [seen.get(float(time)) for time in times]


def differ(one: Glance | None, other: Glance | None) -> bool:
    """Might a cut lie between? So too where either is lost."""
    return one is None or other is None or one.unlike(other) >= SAME


def within(
    begin: float, end: float, traces: NDArray[np.float64], margin: float
) -> list[tuple[float, float]]:
    """What to decode between neighbouring keyframes that differ."""
    some = traces[(traces > begin) & (traces <= end)]
    if len(some):
        return around(some, margin)
    return [(begin, end + margin)] if end - begin <= SHORT else []


def around(traces: NDArray[np.float64], margin: float) -> list[tuple[float, float]]:
    """A stretch for each of these times."""
    return [(max(0.0, time - margin), time + margin) for time in traces.tolist()]


def merged(stretches: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Ascending, those that touch as one."""
    found: list[tuple[float, float]] = []
    for begin, end in sorted(stretches):
        if found and begin <= found[-1][1] + TOUCHING:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


# --- what the frames tell ------------------------------------------------------------------------


def decided(video: Video, stretches: Iterable[tuple[float, float | None]]) -> Iterator[Looked]:
    """The cuts in these stretches (to the end of the video for None), by all of their frames."""
    for begin, end in stretches:
        with suppress(VideoError):
            frames = video.iter_frames(start=begin, end=end, short_side=SMALL)
            for time, cuts in watch(ascending(frames)):
                yield Looked(time, tuple(cuts))


def ascending(
    frames: Iterable[tuple[float, NDArray[np.uint8]]],
) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Without those that do not come later than the one before: damage leaves such."""
    last = -np.inf
    for time, frame in frames:
        if time > last:
            last = time
            yield time, frame
