"""Parts of videos become files of their own, in worker processes: a bad file costs only itself."""

# Paths are strings here: os loses none of their bytes.
# ruff: noqa: PTH100, PTH111, PTH119, PTH121, PTH122, PTH208

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import av

from fdaclip.library.errors import LibraryError
from fdaclip.video import VideoError
from fdaclip.video.extensions import EXTENSIONS
from fdaclip.video.isolated import Finished, work_isolated

from .exact import Quality, encode
from .excerpts import Excerpt, distinct
from .lossless import DISK, copy
from .pieces import Piece, Share

LONGEST = 200  # bytes of a name before its times; file systems end at 255
TIME_LIMIT = 120.0  # s without progress after which a file is given up


class CannotExport(LibraryError):
    """The folder cannot be written to, or a part could not be cut."""


@dataclass(frozen=True)
class Cut:
    """A part of a video that is now a file.

    Attributes:
        path: of the video it is from.
        start, end: what was asked for, s from the video's start.
        file: the cut.
        holds: from when until when it holds the video, s.
        left_out: tracks that its container cannot hold, for people.
        facts: what else was known of the part.
    """

    path: str
    start: float
    end: float
    file: Path
    holds: tuple[float, float]
    left_out: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def early(self) -> float:
        """Seconds that it begins before what was asked for; below 0 if after."""
        return self.start - self.holds[0]

    @property
    def late(self) -> float:
        """Seconds that it ends after what was asked for; below 0 if before."""
        return self.holds[1] - self.end


@dataclass(frozen=True)
class NotCut:
    """A part of a video that could not be cut, and why, in one line."""

    path: str
    start: float
    end: float
    reason: str


@dataclass
class Cuts:
    """What became of the parts, in the order asked for."""

    made: list[Cut] = field(default_factory=list)
    failed: list[NotCut] = field(default_factory=list)


def cut(
    moment: Any,
    folder: str | os.PathLike[str],
    *,
    exact: bool = False,
    quality: Quality | None = None,
    force: bool = False,
) -> Cut:
    """Write a part of a video into a folder, named ``NAME@START-END``.

    Without ``exact`` its packets are copied: nothing is lost, and it begins at the last keyframe at
    or before the start (``early`` tells how long before), in the same container where that can be
    written, else in Matroska. With it, it is decoded and encoded anew as H.264 and AAC in MP4, to
    the frame. The file appears under its name only when it is whole.

    Args:
        moment: a hit, or anything that has ``path``, ``start`` and ``end``.
        quality: of an exact cut.
        force: replace a file that is there already.

    Raises:
        CannotExport: it could not be cut, or not be written.
    """
    cuts = cut_all([moment], folder, exact=exact, quality=quality, force=force)
    if cuts.failed:
        raise CannotExport(cuts.failed[0].reason)
    return cuts.made[0]


def cut_all(
    moments: Iterable[Any],
    folder: str | os.PathLike[str],
    *,
    exact: bool = False,
    quality: Quality | None = None,
    force: bool = False,
    progress: Callable[[float, int], None] | None = None,
) -> Cuts:
    """The same for many; what cannot be cut is told, and the others are cut nevertheless.

    Args:
        progress: called often with how many are done, in fractions too, and how many there are.

    Raises:
        CannotExport: the folder cannot be written to. What was cut before is kept.
    """
    excerpts = distinct(moments)
    place = Path(os.path.abspath(os.path.expanduser(folder)))
    try:
        place.mkdir(parents=True, exist_ok=True)
        there = {os.path.splitext(name)[0] for name in os.listdir(place) if _is_video(name)}
    except OSError as error:
        raise _cannot(place, error) from error
    run = _Run(place, excerpts, quality or Quality() if exact else None, force)
    run.take_orders(set() if force else there)
    try:
        run.work(progress or (lambda done, of: None))
    finally:
        run.clean()
    return Cuts(
        [one for _, one in sorted(run.made.items())], [one for _, one in sorted(run.failed.items())]
    )


@dataclass(frozen=True)
class _Order:
    """One part to cut: its number, and the unfinished file."""

    number: int
    start: float
    end: float
    target: Path


Told = tuple[int, Share | Piece | str]


def _fulfil(orders: dict[str, list[_Order]], quality: Quality | None, path: Path) -> Iterator[Told]:
    """All parts of one video, in a worker process: how far each is, what it holds, or why not.

    Raises:
        OSError: the disk is full or gone; there is no use in going on.
    """
    for order in orders[os.fspath(path)]:
        if quality is None:
            steps = copy(path, order.target, order.start, order.end)
        else:
            steps = encode(path, order.target, order.start, order.end, quality)
        try:
            for step in steps:
                yield order.number, step
        except VideoError as error:
            yield order.number, error.reason
        except (av.FFmpegError, ValueError) as error:
            if isinstance(error, OSError) and error.errno in DISK:
                raise OSError(error.errno, error.strerror) from None
            yield order.number, f"cannot be cut: {' '.join(str(error).split())}"


class _Run:
    """One call of `cut_all`."""

    def __init__(
        self, place: Path, excerpts: list[Excerpt], quality: Quality | None, force: bool
    ) -> None:
        self._place, self._excerpts, self._quality = place, excerpts, quality
        self._force = force
        self._orders: dict[str, list[_Order]] = {}
        self._names: dict[int, str] = {}
        self._open: dict[int, _Order] = {}
        self.made: dict[int, Cut] = {}
        self.failed: dict[int, NotCut] = {}

    def take_orders(self, there: set[str]) -> None:
        """Give each part its name; those whose name is taken on the disk are refused."""
        used, token = set[str](), secrets.token_hex(6)
        for number, excerpt in enumerate(self._excerpts):
            name = first = file_stem(excerpt)
            copies = 1
            while name.casefold() in used:  # of another folder's video
                copies += 1
                name = f"{first} ({copies})"
            used.add(name.casefold())
            if name in there:
                self._fail(
                    number, f"a cut {self._place / name} is there already; --force replaces it"
                )
                continue
            path = os.path.abspath(excerpt.path)
            target = self._place / f".exporting-{token}-{number}"
            order = _Order(number, excerpt.start, excerpt.end, target)
            self._names[number] = name
            self._open[number] = order
            self._orders.setdefault(path, []).append(order)

    def work(self, progress: Callable[[float, int], None]) -> None:
        """Cut them all."""
        work = partial(_fulfil, self._orders, self._quality)
        workers = 1 if self._quality else 2  # an encoder takes all processors by itself
        shares: dict[int, float] = {}
        total = len(self._excerpts)
        progress(len(self.failed), total)
        events = work_isolated(work, list(self._orders), workers=workers, time_limit=TIME_LIMIT)
        with closing(events):  # no worker writes any more when what is unfinished is removed
            for event in events:
                if isinstance(event, Finished):
                    self._finish(event)
                else:
                    number, told = event.value
                    if isinstance(told, Share):
                        shares[number] = told.done
                    elif isinstance(told, Piece):
                        self._name(number, told)
                    else:
                        self._fail(number, told)
                done = len(self.made) + len(self.failed)
                progress(done + sum(shares.get(number, 0.0) for number in self._open), total)

    def _finish(self, event: Finished) -> None:
        """A video whose parts are all done, or whose process died."""
        left = [one for one in self._orders[os.fspath(event.path)] if one.number in self._open]
        if left and event.error is not None:
            self._check_disk(left[0])
        for order in left:
            self._fail(order.number, event.error.reason if event.error else "was not cut")

    def _check_disk(self, order: _Order) -> None:
        """Raise if the folder can no longer be written to, whatever a worker said of it."""
        try:
            order.target.write_bytes(bytes(1 << 16))
        except OSError as error:
            raise _cannot(self._place, error) from error

    def _name(self, number: int, piece: Piece) -> None:
        """Give a finished file its name."""
        excerpt, order = self._excerpts[number], self._open[number]
        file = self._place / (self._names[number] + piece.suffix)
        if any(_same(file, path) for path in self._orders):
            self._fail(number, f"{file} is one of the videos itself")
            return
        try:
            _rename(order.target, file, replace=self._force)
        except FileExistsError:
            self._fail(number, f"{file} is there already; --force replaces it")
            return
        except OSError as error:
            raise _cannot(self._place, error) from error
        del self._open[number]
        self.made[number] = Cut(
            excerpt.path,
            excerpt.start,
            excerpt.end,
            file,
            (piece.start, piece.end),
            piece.left_out,
            dict(excerpt.facts),
        )

    def _fail(self, number: int, reason: str) -> None:
        excerpt = self._excerpts[number]
        self.failed[number] = NotCut(excerpt.path, excerpt.start, excerpt.end, reason)
        if order := self._open.pop(number, None):
            order.target.unlink(missing_ok=True)

    def clean(self) -> None:
        """Remove what is unfinished."""
        for order in self._open.values():
            with suppress(OSError):
                order.target.unlink(missing_ok=True)


def file_stem(excerpt: Excerpt) -> str:
    """``beach@12-20.5`` for 12 to 20.5 s of ``beach.mp4``."""
    stem = os.fsencode(os.path.splitext(os.path.basename(excerpt.path))[0])[:LONGEST]
    return f"{os.fsdecode(stem)}@{_short(excerpt.start)}-{_short(excerpt.end)}"


def _short(seconds: float) -> str:
    return f"{seconds:.3f}".rstrip("0").rstrip(".")


def _is_video(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in EXTENSIONS


def _same(file: Path, path: str) -> bool:
    try:
        return os.path.samefile(file, path)
    except OSError:
        return False


def _rename(unfinished: Path, file: Path, *, replace: bool) -> None:
    """Raises FileExistsError where something is there that must not be replaced."""
    if replace:
        unfinished.replace(file)
        return
    try:
        os.link(unfinished, file)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if file.exists():
            raise FileExistsError(str(file)) from None
        unfinished.replace(file)
        return
    unfinished.unlink()


def _cannot(place: Path, error: OSError) -> CannotExport:
    return CannotExport(
        f"cannot write to {place}: {(error.strerror or str(error)).lower()}",
        "free space, check its permissions, or name another folder with --out",
    )
