"""A library: a folder of moments of one's own videos, found again by sentence."""

# Paths are strings here: os loses none of their bytes.
# ruff: noqa: PTH100, PTH111

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal

from fdaclip.logs import Log
from fdaclip.model.lanes import one_thread, processors

from . import derived
from .errors import LibraryError, NoSuchPath
from .interrupt import Interrupted, Interrupts
from .names import from_key, is_mounted, to_key, whereabouts
from .place import Place, Remote
from .reindex import Reindexed
from .report import AddReport, Failure, Progress
from .rows import Moments, Video
from .searching import SearchableLibrary
from .stamp import Stamp
from .tables import tables_state

if TYPE_CHECKING:
    from fdaclip.model import Encoder

    from .remap import Remapped
    from .verify import Problem

log = Log(__name__)

Paths = Iterable[str | os.PathLike[str]]


@dataclass(frozen=True)
class Status:
    """What a library holds.

    Attributes:
        folder: where it is. stamp: what it was built with.
        files: known, the bad and missing ones included. moments: searchable ones.
        hours: of video that can be searched.
        bytes: size of the library on disk.
        recall: of an approximate search, at 10, as measured; None if all moments are compared.
        partial, bad: with their reasons. missing: paths.
        offline: files by mount point, of the disks that are not mounted; they stay searchable.
    """

    folder: str
    stamp: Stamp
    files: int
    moments: int
    hours: float
    bytes: int
    recall: float | None
    partial: list[Failure]
    bad: list[Failure]
    missing: list[str]
    offline: dict[str, int]

    @property
    def failed(self) -> list[str]:
        """Paths of the files that may be tried again: the bad and the partial ones."""
        return [failure.path for failure in (*self.bad, *self.partial)]


@dataclass(frozen=True)
class Compacted:
    """Bytes of the library's folder before and after."""

    before: int
    after: int


class Library(SearchableLibrary):
    """Moments of videos with their vectors, in a folder.

    Args:
        path: the folder, by custom ``NAME.fdaclip``, or an address in object storage:
            ``s3://BUCKET/NAME.fdaclip``.
        encoder: what turns clips and sentences into vectors. Needed to create a library; for one
            that exists it may be left out: it is then loaded, when it is needed, from where the
            library remembers it to be. Nothing is ever downloaded for it.
        model: the name or folder from which ``encoder`` can be loaded again; by default what the
            encoder itself says (its ``source``).
        window: length of a moment, s, of a new library; by default 8. An older one keeps its own.
        shots: in a new library, let moments begin and end at hard cuts; by default they do.

    Raises:
        NotALibrary: the folder holds something else, or there is none and no encoder.
        FingerprintMismatch: the library was built with another encoder, other settings, another
            window, or with shots where none are asked for, or without.
        ValueError: the window is no length.
    """

    def add(
        self,
        paths: str | os.PathLike[str] | Paths,
        *,
        retry: bool = False,
        processes: int | None = None,
        progress: Callable[[Progress], None] | None = None,
        engine: Literal["local", "ray"] = "local",
        address: str | None = None,
    ) -> AddReport:
        """Index files, folders and globs; only what is new or changed is decoded and encoded.

        A bad file never stops it: it is recorded with its reason and tried again when it changes.
        Killed at any time, it goes on from there when it is called again. On Ctrl-C (or SIGTERM)
        it writes what is finished first; a second one stops it at once.

        Args:
            retry: try files again that were bad or partial.
            processes: workers that decode; by default one a processor, at most 16: those that are
                ahead of the encoder wait, and where it is light they are what takes time.
            progress: called often, with how far it is.
            engine: ``ray`` runs the same stages as a Ray Data pipeline; see docs/cluster.md.
            address: of the Ray cluster; None for this machine alone, or for where Ray is running
                in this process.

        Raises:
            NoSuchPath: a path does not exist. LibraryBusy: another process is writing.
            CannotWrite: the disk is full, or gone; what was written before is kept.
            Interrupted: a KeyboardInterrupt with the ``report`` of what was done.
        """
        from .ingest import Ingest
        from .scan import scan
        from .wording import refresh_texts

        given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
        known = [video.path for video in self._open().videos()] if self._stamp else []
        found = scan(given, known)
        self._create()
        with self._writing("indexing") as store, Interrupts() as interrupts:
            store.drop_orphans()
            before = store.version
            count = processes or min(16, processors())
            kind: Callable[..., Ingest] = Ingest
            if engine == "ray":
                from .engine_ray import RayIngest

                kind = partial(RayIngest, stamp=self.stamp, place=self.folder, address=address)
            run = kind(
                store,
                self.encoder,
                window=self.stamp.window,
                shots=self.stamp.shots,
                processes=count,
                lanes=processors(),
                retry=retry,
                progress=progress,
                interrupts=interrupts,
            )
            report = run.run(found)
            if not report.interrupted:
                refresh_texts(store, found.files, report, interrupts, processes=count)
                report.interrupted = interrupts.asked
            if store.version != before and not report.interrupted:
                store.compact()
            if not report.interrupted:
                self._prepare_search(report.moments)
        if report.interrupted:
            raise Interrupted(report)
        return report

    def remove(self, paths: str | os.PathLike[str] | Paths = (), *, missing: bool = False) -> int:
        """Forget files, or all below folders, or with ``missing`` those that are gone.

        The video files themselves are not touched.

        Returns:
            How many files were forgotten.

        Raises:
            NoSuchPath: the library knows no such file or folder; nothing was removed.
        """
        given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
        with self._writing("removing") as store:
            videos = store.videos()
            doomed = {video.path for video in videos if missing and _missing(video)}
            for path in given:
                key = to_key(os.path.abspath(os.path.expanduser(path)))
                below = {
                    video.path
                    for video in videos
                    if video.path == key or video.path.startswith(key.rstrip(os.sep) + os.sep)
                }
                if not below:
                    raise NoSuchPath(
                        f"the library knows no {os.fspath(path)!r}",
                        "fdaclip status lists what it holds; nothing was removed",
                    )
                doomed |= below
            if doomed:
                store.forget(sorted(doomed))
                store.drop_orphans()
                store.compact()
                self._prepare_search()
        return len(doomed)

    def remap(
        self, old: str | os.PathLike[str], new: str | os.PathLike[str], *, dry_run: bool = False
    ) -> Remapped:
        """Say that what is known below the folder ``old`` (or the file) is below ``new`` now.

        Nothing is encoded again, and it is one commit. See ``fdaclip.library.remap``.

        Args:
            dry_run: only tell what would become of the files.

        Raises:
            NoSuchPath: the library knows nothing below ``old``.
            LibraryError: two files would get one path, or the folder was not moved.
        """
        from .remap import remap

        if dry_run:
            return remap(self._open(), os.fspath(old), os.fspath(new), dry_run=True)
        with self._writing("remapping") as store:
            done = remap(store, os.fspath(old), os.fspath(new))
            self._prepare_search()
        return done

    def reindex(
        self,
        encoder: Encoder,
        *,
        model: str = "",
        window: float | None = None,
        shots: bool | None = None,
        leave_offline: bool = False,
        processes: int | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Reindexed:
        """Index all that it knows anew, with another model or window, and take its place.

        The new library grows beside this one, which can be searched and added to meanwhile. When
        it is complete they are swapped; the old one is kept under another name. Stopped or killed
        at any time it goes on from there when it is called again. See ``fdaclip.library.reindex``.

        Args:
            encoder, model: as of a new library.
            window, shots: of its moments, see `Library`; by default as they are.
            leave_offline: go on without the files whose disks are not mounted.
            processes, progress: as of `add`.

        Raises:
            LibraryError: files are offline, or it is being indexed anew with other settings.
            LibraryBusy, CannotWrite, Interrupted: as of `add`.
        """
        from .reindex import reindex

        if isinstance(self.folder, Remote):
            raise LibraryError(
                f"{self.folder} cannot be swapped for another: object storage renames nothing",
                "index into another --library there; delete the old one when it is complete",
            )
        done = reindex(
            self.folder,
            encoder,
            model=model,
            window=window,
            shots=shots,
            leave_offline=leave_offline,
            processes=processes,
            progress=progress,
        )
        self._encoder, self._model = encoder, model or self._model
        self._window, self._shots = window, shots
        self._notice_a_swap()
        return done

    def compact(self) -> Compacted:
        """Merge what many commits wrote, and drop what no reader can still be using.

        `add` and `remove` do it too, but keep the last hour for readers; this keeps ten minutes,
        and drops besides what killed processes left unfinished.
        """
        before = size_of(self.folder)
        with self._writing("compacting") as store:
            store.drop_orphans()
            store.compact(kept=timedelta(minutes=10), unfinished=True)
            self._prepare_search()
        after = size_of(self.folder)
        log.info("compacted", folder=self.folder, before=before, after=after)
        return Compacted(before, after)

    def status(self) -> Status:
        """Counts, sizes, and the files that are bad, partial or missing."""
        videos = self._open().videos()
        present = [video for video in videos if video.present]
        takes = {video.take: video for video in present if video.take}.values()
        contents = derived.read(self.folder)
        return Status(
            folder=str(self.folder),
            stamp=self.stamp,
            files=len(videos),
            moments=sum(video.moments for video in takes),
            hours=sum(video.duration for video in takes) / 3600,
            bytes=size_of(self.folder),
            recall=self._recall(contents),
            partial=_failures(present, "partial"),
            bad=_failures(present, "bad"),
            missing=sorted(from_key(video.path) for video in videos if not video.present),
            offline={
                from_key(mount): count
                for mount, count in sorted(Counter(video.mount for video in present).items())
                if not is_mounted(mount)
            },
        )

    def videos(self) -> list[Video]:
        """Every file that is known, the bad and missing ones included, as the tables have it."""
        return self._open().videos()

    def moments_of(self, take: int) -> Moments:
        """The moments of a content (``Hit.take``, ``Video.take``), in order of time; maybe none."""
        return self._current().windows(take)

    @property
    def state(self) -> str | None:
        """Equal as long as nobody has written to the tables."""
        return tables_state(self.folder)

    @property
    def loaded(self) -> bool:
        """Is the whole model in memory?"""
        return self._encoder is not None

    def warm(self) -> None:
        """Load now what a new sentence needs; the first one would wait for it.

        Raises:
            LibraryError: the model is not at hand.
        """
        with one_thread():
            (self._encoder or self._text_encoder or self._load_for_text()).encode_texts(["warm"])
        self._current()

    def another(self) -> Library:
        """The same library opened once more, for another thread: one is for one thread at a time.

        They share the model if it is loaded.
        """
        return Library(self.folder, self._encoder, model=self._model)

    def verify(self, *, repair: bool = False) -> list[Problem]:
        """What is wrong with it; see ``fdaclip.library.verify``."""
        from .verify import verify

        if not repair:
            return verify(self.folder, self._open(), self.stamp, repair=False)
        with self._writing("repairing") as store:
            problems = verify(self.folder, store, self.stamp, repair=True)
            self._prepare_search()
            return problems


def size_of(folder: Place) -> int:
    """Bytes of the files there, also while others write to it."""
    if isinstance(folder, Remote):
        return folder.size()
    total = 0
    for file in folder.rglob("*"):
        with suppress(OSError):  # it went meanwhile
            total += file.stat().st_size if file.is_file() else 0
    return total


def _failures(videos: Iterable[Video], state: str) -> list[Failure]:
    found = (Failure(from_key(v.path), v.reason) for v in videos if v.state == state)
    return sorted(found, key=lambda failure: failure.path)


def _missing(video: Video) -> bool:
    return not video.present or whereabouts(from_key(video.path), video.mount) == "gone"
