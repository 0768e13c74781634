"""Decoded frames kept on disk, so that training is not bound by decoding.

What is kept of a clip, and why:

- its **frames** as they leave the decoder, whole and before the model's crop, as JPEG or raw, so
  that a random crop and the model's own resize work on them as on fresh ones;
- for each segment not only its centre but ``positions`` frames, so that training can look at
  another one each time; an odd number, so that the centre is among them;
- the **masks**, which are small, in a layer of their own for each `MotionConfig`;
- the **luma of frames and partners** at the masks' resolution. A partner enters a mask in no other
  form, so masks of another config are made from it without decoding anything.

A clip is known by its file's content; the folder of a layer by a hash of all else that decides a
pixel. Shapes: T frames a clip, P positions a segment, H×W pixels, masks h×w.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from fdaclip.data.augmentation import Masked
from fdaclip.data.blobs import Blobs, appending
from fdaclip.data.coded import (
    RAW,
    Quality,
    coded_frames,
    packed,
    png,
    read_frame,
    read_png,
)
from fdaclip.data.content import content_of
from fdaclip.data.errors import DataError, StaleCache
from fdaclip.data.frames import Frames, Wanted, sample
from fdaclip.data.records import Record
from fdaclip.motion import analyse_motion
from fdaclip.motion.luma import luma, mask_size
from fdaclip.video import VideoError
from fdaclip.video.isolated import Result, work_isolated

FORMAT = 1  # raise it when what is stored of the same clip changes
TRIED = 8  # clips that an estimate decodes

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Estimate:
    """What filling a cache will take.

    Attributes:
        clips: to be decoded; those that are there already do not count.
        bytes: that they will need, from a few of them.
        free: bytes that the disk has left.
    """

    clips: int
    bytes: int
    free: int


class FrameCache:
    """The frames and masks of many clips.

    Args:
        folder: of all caches; this one lies in a subfolder named by what decides its pixels.
        frames: which frames, at what size, and which masks; its preprocessing is not cached.
        positions: P, frames kept of each segment; odd. More than 1 is for `Augmentation.segments`.
        quality: JPEG's, 1 to 100 (at 95 a value is off by one level of 255 on average), or "raw"
            for exact pixels at about five times the size.

    Raises:
        ValueError: a value is out of its range, or positions are asked for where each frame is
            compared with the next sampled one, or anchored.
        DataError: masks are to come from the codec.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        frames: Frames | Wanted,
        *,
        positions: int = 1,
        quality: Quality = 95,
    ) -> None:
        if positions < 1 or positions % 2 == 0:
            raise ValueError(f"positions must be an odd number, not {positions}")
        if positions > 1 and frames.sampling.partner == "sampled":
            raise ValueError(
                'partner="sampled" compares neighbours of one choice of frames, '
                "so only one position can be kept"
            )
        if positions > 1 and frames.sampling.anchored:
            raise ValueError(
                "anchored sampling takes one frame a segment, so only one position can be kept"
            )
        if frames.motion.source == "codec":
            raise DataError(
                "a cache keeps what masks are made of as pixels, and motion.source is codec",
                "take the masks from pixels (motion.source=pixels), or do without the cache",
            )
        if quality != RAW and not 1 <= quality <= 100:
            raise ValueError(f'quality must be 1 to 100 or "raw", not {quality!r}')
        self.sampling, self.motion = frames.sampling, frames.motion
        self.short_side = frames.short_side
        self.positions, self.quality = positions, quality
        self.folder = Path(folder).expanduser() / mark(self.settings)
        self.failed: dict[str, str] = {}
        self._pixels = Blobs(self.folder / "pixels")
        self._masks = Blobs(self.folder / f"masks-{mark(asdict(self.motion))}")
        self._known: dict[Record, str] = {}
        self._by_record: dict[str, list[str]] | None = None  # record name → its blobs

    @property
    def settings(self) -> dict[str, Any]:
        """Everything but the file itself that decides a stored frame or luma."""
        anchored = {"anchored": True} if self.sampling.anchored else {}  # later than older caches
        return anchored | {
            "format": FORMAT,
            "frames": self.sampling.frames,
            "partner": self.sampling.partner,
            "short_side": self.short_side,
            "luma_side": self.motion.short_side,
            "positions": self.positions,
            "quality": self.quality,
            "decoder": [av.library_versions[n][0] for n in ("libavcodec", "libswscale")],
        }

    @classmethod
    def build(
        cls,
        folder: str | os.PathLike[str],
        records: Sequence[Record],
        frames: Frames | Wanted,
        *,
        positions: int = 1,
        quality: Quality = 95,
        workers: int | None = None,
        announce: Callable[[Estimate], None] | None = None,
        progress: Progress | None = None,
    ) -> FrameCache:
        """A cache that holds all the records that can be decoded; see `fill`."""
        cache = cls(folder, frames, positions=positions, quality=quality)
        cache.fill(records, workers=workers, announce=announce, progress=progress)
        return cache

    # -- filling -------------------------------------------------------------------------------

    def estimate(self, records: Sequence[Record], workers: int | None = None) -> Estimate:
        """How much there is to do; decodes a few clips, spread over the records."""
        todo = self.lacking(records)
        return self._estimate(len(todo), list(self._decoded(spread(todo)[:TRIED], workers)))

    def _estimate(self, clips: int, tried: Sequence[Made | Unmade]) -> Estimate:
        sizes = [m.bytes for m in tried if isinstance(m, Made)]
        above = next(p for p in (self.folder, *self.folder.parents) if p.exists())
        each = sum(sizes) / max(1, len(sizes))
        return Estimate(clips, round(each * clips), shutil.disk_usage(above).free)

    def fill(
        self,
        records: Sequence[Record],
        *,
        workers: int | None = None,
        announce: Callable[[Estimate], None] | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Decode what is not there yet. What is finished stays, however this ends.

        A file that cannot be decoded is left out and noted in `failed`, name → reason.

        Args:
            workers: processes; as many as processors if None.
            announce: is told the size once a few clips are decoded and before any is written.
            progress: is called with (clips done, clips in all).

        Raises:
            DataError: the disk has too little room, or another process fills this cache.
        """
        self._from_lumas(workers, progress)
        todo = self.lacking(records)
        decoded = self._decoded(spread(todo), workers)
        first = list(islice(decoded, TRIED))
        estimate = self._estimate(len(todo), first)
        if announce:
            announce(estimate)
        if estimate.bytes > estimate.free:
            raise DataError(
                f"the cache needs about {estimate.bytes / 1e9:.1f} GB, and the disk of "
                f"{self.folder.parent} has {estimate.free / 1e9:.1f} GB left",
                "lower quality, short side or positions, or choose another disk",
            )
        if not todo:
            return
        before = len(records) - len(todo)
        with appending(self._pixels.folder) as pixels, appending(self._masks.folder) as masks:
            describe(self._pixels.folder, self.settings)
            describe(self._masks.folder, asdict(self.motion))
            for done, made in enumerate(chain(first, decoded), before + 1):
                if isinstance(made, Made):
                    masks.append(made.name, made.masks, **made.seen)
                    pixels.append(made.name, made.pixels, **made.facts)
                else:
                    self.failed[made.name] = made.reason
                if progress:
                    progress(done, len(records))
        self._refresh()

    def _decoded(self, todo: Sequence[Record], workers: int | None) -> Iterator[Made | Unmade]:
        """Every record decoded, in isolated processes; records of one file one after another."""
        by_path: dict[Path, list[Record]] = {}
        for record in todo:
            by_path.setdefault(record.path, []).append(record)
        given = dict.fromkeys(by_path, 0)
        for event in work_isolated(partial(make_all, self, by_path), by_path, workers=workers):
            if isinstance(event, Result):
                given[event.path] += 1
                yield event.value
            elif event.error is not None:  # the whole process: what it still had to do is lost
                for record in by_path[event.path][given[event.path] :]:
                    yield Unmade(record.name, event.error.reason)

    def _from_lumas(self, workers: int | None, progress: Progress | None) -> None:
        """Make the masks of this config for clips whose frames are there."""
        names = [name for name in self._pixels.rows if name not in self._masks.rows]
        if not names:
            return
        context = get_context("spawn")
        with (
            appending(self._masks.folder) as masks,
            ProcessPoolExecutor(workers or os.cpu_count() or 1, mp_context=context) as pool,
        ):
            describe(self._masks.folder, asdict(self.motion))
            made = pool.map(partial(mask_again, self), names, chunksize=16)
            for done, (name, (parts, seen)) in enumerate(zip(names, made, strict=True), 1):
                masks.append(name, parts, **seen)
                if progress:
                    progress(done, len(names))
        self._refresh()

    def _refresh(self) -> None:
        self._pixels.refresh()
        self._masks.refresh()
        self._known.clear()
        self._by_record = None

    def _make(self, record: Record) -> Made:
        """A clip as it is stored."""
        sampling = replace(self.sampling, frames=self.sampling.frames * self.positions)
        identity = content_of(record.path)
        wanted = Wanted(sampling, self.motion, self.short_side)
        clip = sample(record.path, record.start, record.end, wanted)
        size = mask_size(clip.rgb.shape[1], clip.rgb.shape[2], self.motion.short_side)
        lumas = np.stack([luma(frame, size) for frame in (*clip.rgb, *clip.partners)])
        masks, seen = packed(analyse_motion(clip, self.motion))
        status = record.path.stat()
        return Made(
            name=clip_name(identity, record),
            pixels=[*coded_frames(clip.rgb, self.quality), png(lumas.reshape(-1, size[1]))],
            facts={
                "record": record.name,
                "start": record.start,
                "end": record.end,
                "size": status.st_size,
                "mtime_ns": status.st_mtime_ns,
                "shape": clip.rgb.shape[:3],
                "lost": len(clip.lost),
            },
            masks=masks,
            seen=seen,
        )

    # -- reading -------------------------------------------------------------------------------

    def lacking(self, records: Sequence[Record]) -> list[Record]:
        """The records that are not there, or whose file is now another."""
        return [record for record in records if self._find(record) is None]

    def check(self, frames: Frames, records: Sequence[Record]) -> None:
        """Is this the cache of these frames, and does it hold all of these records?

        Raises:
            StaleCache: it is not, or it does not.
        """
        for what in ("sampling", "motion", "short_side"):
            mine, asked = getattr(self, what), getattr(frames, what)
            if mine != asked:
                raise StaleCache(f"the cache has {what} {mine}, not {asked}", "build another")
        if absent := self.lacking(records):
            names = ", ".join(record.name for record in absent[:3])
            raise StaleCache(
                f"{len(absent):,} of {len(records):,} records are not in the cache {self.folder} "
                f"({names}{', …' if len(absent) > 3 else ''})",
                "fill it, or leave them out",
            )

    def read(self, record: Record, rng: np.random.Generator | None = None) -> Masked:
        """T frames with masks: the segments' centres, or any of their positions with `rng`.

        Raises:
            StaleCache: the record is not there, or its blob is damaged.
        """
        name, row = self._row(record)
        chosen = self._chosen(rng)
        parts = self._pixels.parts(name, chosen)
        _, height, width = row["shape"]
        rgb = np.stack([read_frame(part, self.quality, height, width) for part in parts])
        size = mask_size(height, width, self.motion.short_side)
        masks = np.ones((len(chosen), 1, *size), np.float32)
        for mask, part in zip(masks, self._masks.parts(name, chosen), strict=True):
            if len(part):  # an all-ones mask takes no room
                mask[0] = read_png(part) / np.float32(255)
        return Masked(rgb, masks)

    def motion_of(
        self, record: Record
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], tuple[str, ...]]:
        """Energy and share, float32 [T], and kind of the frames at the segments' centres."""
        name, _ = self._row(record)
        row, chosen = self._masks.rows[name], self._chosen(None)
        energy, share = (np.array(row[what], np.float32)[chosen] for what in ("energy", "share"))
        return energy, share, tuple(row["kind"][i] for i in chosen)

    def _chosen(self, rng: np.random.Generator | None) -> list[int]:
        first = np.arange(self.sampling.frames) * self.positions
        if rng is None:
            return (first + self.positions // 2).tolist()
        return (first + rng.integers(self.positions, size=len(first))).tolist()  # type: ignore[no-any-return]

    def _row(self, record: Record) -> tuple[str, dict[str, Any]]:
        name = self._find(record)
        if name is None:
            raise StaleCache(f"{record.name} is not in the cache {self.folder}", "fill it")
        return name, self._pixels.rows[name]

    def _find(self, record: Record) -> str | None:
        """The blob of a record: by its file's size and time of change, else by its content.

        Where the file is gone, the record's name decides: videos may be deleted once cached.
        """
        if record in self._known:
            return self._known[record]
        rows, masks = self._pixels.rows, self._masks.rows
        if self._by_record is None:
            self._by_record = {}
            for name, row in rows.items():
                if name in masks:
                    self._by_record.setdefault(row["record"], []).append(name)
        like = [
            name
            for name in self._by_record.get(record.name, ())
            if (rows[name]["start"], rows[name]["end"]) == (record.start, record.end)
        ]
        try:
            status = record.path.stat()
        except OSError:
            found = like[-1] if like else None
        else:
            now = (status.st_size, status.st_mtime_ns)
            found = next(
                (n for n in like if (rows[n]["size"], rows[n]["mtime_ns"]) == now),
                None,
            )
            if found is None and rows:
                name = clip_name(content_of(record.path), record)
                found = name if name in rows and name in masks else None
        if found is not None:
            self._known[record] = found
        return found


@dataclass(frozen=True)
class Made:
    """A clip ready to be stored: its blobs and what the index says of them."""

    name: str
    pixels: list[bytes]
    facts: dict[str, Any]
    masks: list[bytes]
    seen: dict[str, Any]

    @property
    def bytes(self) -> int:
        return sum(map(len, (*self.pixels, *self.masks)))


@dataclass(frozen=True)
class Unmade:
    """A record whose clip cannot be decoded, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Greys:
    """Frames and partners as grey pictures of the masks' size, in the form of a clip."""

    rgb: NDArray[np.uint8]
    partners: NDArray[np.uint8]


def make_all(
    cache: FrameCache, of_file: dict[Path, list[Record]], path: Path
) -> Iterator[Made | Unmade]:
    """The clips of one file, in a worker process."""
    for record in of_file[path]:
        try:
            yield cache._make(record)
        except VideoError as error:
            yield Unmade(record.name, error.reason)


def spread(records: Sequence[Record]) -> list[Record]:
    """All of them, with a few from all over at the beginning, to judge the rest by."""
    places = np.linspace(0, len(records) - 1, min(TRIED, len(records))).astype(int)
    few = [records[i] for i in dict.fromkeys(places.tolist())]
    seen = set(few)
    return few + [record for record in records if record not in seen]


def mask_again(cache: FrameCache, name: str) -> tuple[list[bytes], dict[str, Any]]:
    """Masks of a stored clip from its lumas, equal to those from its frames: luma of grey is it."""
    row = cache._pixels.rows[name]
    count, height, width = row["shape"]
    h, w = mask_size(height, width, cache.motion.short_side)
    (part,) = cache._pixels.parts(name, [count])
    lumas = np.broadcast_to(read_png(part).reshape(2, count, h, w, 1), (2, count, h, w, 3))
    greys = np.ascontiguousarray(lumas)
    return packed(analyse_motion(Greys(greys[0], greys[1]), cache.motion))


def describe(folder: Path, settings: dict[str, Any]) -> None:
    """Leave a note of what is in a folder, for people."""
    (folder / "settings.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def clip_name(content: str, record: Record) -> str:
    """The name of a clip's blob."""
    return f"{content[:32]}:{record.start!r}:{record.end!r}"


def mark(settings: Any) -> str:
    """Twelve hexadecimal digits that stand for the settings."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
