"""A library: a folder of moments of one's own videos, found again by sentence."""

# Paths are strings here: os loses none of their bytes.
# ruff: noqa: PTH100, PTH111, PTH208

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import FingerprintMismatch, LibraryError, NoSuchPath, NotALibrary, told_clearly
from .ingest import Ingest, is_gone
from .interrupt import Interrupted, Interrupts
from .lock import writing
from .names import from_key, to_key
from .report import AddReport, Failure, Progress
from .scan import scan
from .search import Hit, Index
from .stamp import FILE, SCHEMA, Stamp, read_stamp, write_stamp
from .store import Store, Video
from .verify import Problem, verify

if TYPE_CHECKING:
    from fdaclip.model import Encoder

WINDOW = 8.0  # s, the length of a moment

Paths = Iterable[str | os.PathLike[str]]


@dataclass(frozen=True)
class Status:
    """What a library holds.

    Attributes:
        folder: where it is. stamp: what it was built with.
        files: known, the bad and missing ones included. moments: searchable ones.
        hours: of video that can be searched.
        bytes: size of the library on disk.
        partial, bad: with their reasons. missing: paths.
    """

    folder: str
    stamp: Stamp
    files: int
    moments: int
    hours: float
    bytes: int
    partial: list[Failure]
    bad: list[Failure]
    missing: list[str]


class Library:
    """Moments of videos with their vectors, in a folder.

    Args:
        path: the folder, by custom ``NAME.fdaclip``.
        encoder: what turns clips and sentences into vectors. Needed to create a library; for one
            that exists it may be left out: it is then loaded, when it is needed, from where the
            library remembers it to be. Nothing is ever downloaded for it.
        model: the name or folder from which ``encoder`` can be loaded again; by default what the
            encoder itself says (its ``source``).

    Raises:
        NotALibrary: the folder holds something else, or there is none and no encoder.
        FingerprintMismatch: the library was built with another encoder or other settings.
    """

    def __init__(
        self, path: str | os.PathLike[str], encoder: Encoder | None = None, *, model: str = ""
    ) -> None:
        self.folder = Path(path).expanduser().absolute()
        self._encoder = encoder
        self._model = model or str(getattr(encoder, "source", "") or "")
        self._store: Store | None = None
        self._index: tuple[tuple[int, int], Index] | None = None
        self._stamp = read_stamp(self.folder)
        if self._stamp is None and encoder is None:
            raise NotALibrary(
                f"there is no library at {self.folder}",
                "create it with: fdaclip index PATHS --library " + str(self.folder),
            )
        if encoder is not None and self._stamp is not None:
            self._check(encoder, self._stamp)

    # --- changing it -----------------------------------------------------------------------------

    def add(
        self,
        paths: str | os.PathLike[str] | Paths,
        *,
        retry: bool = False,
        processes: int | None = None,
        progress: Callable[[Progress], None] | None = None,
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

        Raises:
            NoSuchPath: a path does not exist. LibraryBusy: another process is writing.
            CannotWrite: the disk is full, or gone; what was written before is kept.
            Interrupted: a KeyboardInterrupt with the ``report`` of what was done.
        """
        given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
        known = [video.path for video in self._open().videos()] if self._stamp else []
        found = scan(given, known)
        self._create()
        with writing(self.folder), Interrupts() as interrupts:
            store = self._open()
            store.drop_orphans()
            before = store.version
            run = Ingest(
                store,
                self.encoder,
                window=self.stamp.window,
                processes=processes or min(16, processors()),
                retry=retry,
                progress=progress,
                interrupts=interrupts,
            )
            report = run.run(found)
            if store.version != before and not report.interrupted:
                store.compact()
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
        with writing(self.folder):
            store = self._open()
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
        return len(doomed)

    # --- asking it -------------------------------------------------------------------------------

    def search(self, sentence: str, limit: int = 10) -> list[Hit]:
        """The ``limit`` moments that fit the sentence best, best first.

        Exact: every moment of every file that is present is compared. Works while another process
        adds to the library.
        """
        if not sentence.strip():
            raise LibraryError("the sentence is empty", "say what should be seen")
        store = self._open()
        version = store.version
        if self._index is None or self._index[0] != version:
            self._index = (version, Index(*store.snapshot()))
        return self._index[1].rank(self.encoder().encode_texts([sentence])[0], limit)

    def status(self) -> Status:
        """Counts, sizes, and the files that are bad, partial or missing."""
        videos = self._open().videos()
        present = [video for video in videos if video.present]
        takes = {video.take: video for video in present if video.take}.values()
        return Status(
            folder=str(self.folder),
            stamp=self.stamp,
            files=len(videos),
            moments=sum(video.moments for video in takes),
            hours=sum(video.duration for video in takes) / 3600,
            bytes=sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file()),
            partial=_failures(present, "partial"),
            bad=_failures(present, "bad"),
            missing=sorted(from_key(video.path) for video in videos if not video.present),
        )

    def verify(self, *, repair: bool = False) -> list[Problem]:
        """What is wrong with it; see ``fdaclip.library.verify``."""
        if not repair:
            return verify(self._open(), self.stamp, repair=False)
        with writing(self.folder):
            return verify(self._open(), self.stamp, repair=True)

    @property
    def stamp(self) -> Stamp:
        """What it was built with.

        Raises:
            NotALibrary: nothing was added yet, so there is no library on disk.
        """
        if self._stamp is None:
            raise NotALibrary(f"there is no library at {self.folder} yet", "add videos first")
        return self._stamp

    def encoder(self) -> Encoder:
        """The encoder, loaded now if it has not been, and checked against the stamp."""
        if self._encoder is None:
            from fdaclip.model import ModelNotFound, load_encoder
            from fdaclip.motion import MotionConfig
            from fdaclip.video import Sampling

            stamp = self.stamp
            if not stamp.model:
                raise LibraryError(
                    f"the library {self.folder} does not know where its model is",
                    "give it: --model FOLDER, or Library(path, encoder, model=FOLDER)",
                )
            try:
                encoder = load_encoder(
                    stamp.model,
                    sampling=Sampling(**stamp.sampling),
                    motion=MotionConfig(**stamp.motion),
                )
            except ModelNotFound as error:
                raise LibraryError(
                    f"the library's model is not at hand: {str(error).split('; hint:')[0]}",
                    "--model FOLDER tells where it is now; index --download fetches it",
                ) from error
            self._check(encoder, self.stamp)
            self._encoder = encoder
        return self._encoder

    # --- opening it ------------------------------------------------------------------------------

    def _create(self) -> None:
        """Make the folder, its tables, and last its stamp, if there is none."""
        if self._stamp is not None:
            return
        assert self._encoder is not None  # the constructor refused
        foreign = _foreign(self.folder)
        if foreign:
            raise NotALibrary(
                f"{self.folder} is no library and not empty: it holds {foreign}",
                "name another folder with --library",
            )
        with told_clearly(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        with writing(self.folder):
            self._stamp = read_stamp(self.folder)  # another process may have been faster
            if self._stamp is None:
                Store.create(self.folder, self._encoder.embedding_size)
                self._stamp = self._new_stamp(self._encoder)
                write_stamp(self.folder, self._stamp)
        self._check(self._encoder, self._stamp)

    def _new_stamp(self, encoder: Encoder) -> Stamp:
        return Stamp(
            schema=SCHEMA,
            fingerprint=encoder.fingerprint,
            embedding_size=encoder.embedding_size,
            model=self._model,
            sampling=asdict(encoder.sampling),
            motion=asdict(encoder.motion),
            window=WINDOW,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def _check(self, encoder: Encoder, stamp: Stamp) -> None:
        """Refuse an encoder whose vectors don't belong here; remember where a right one is now."""
        new = self._new_stamp(encoder)
        differ = [
            f"{name} {getattr(stamp, name)!r} is now {getattr(new, name)!r}"
            for name in ("fingerprint", "embedding_size", "sampling", "motion")
            if getattr(stamp, name) != getattr(new, name)
        ]
        if differ:
            model = self._model or stamp.model
            beside = self.folder.with_name(self.folder.stem + "-new" + self.folder.suffix)
            raise FingerprintMismatch(
                f"the library {self.folder} was built with another model: {'; '.join(differ)}",
                f"index anew beside it: fdaclip index PATHS --library {beside} --model {model}",
            )
        if self._model and self._model != stamp.model and self._encoder is not None:
            self._stamp = replace(stamp, model=self._model)
            if os.access(self.folder, os.W_OK):
                write_stamp(self.folder, self._stamp)

    def _open(self) -> Store:
        if self._store is None:
            self.stamp  # noqa: B018 (raises if there is no library)
            try:
                self._store = Store(self.folder)
            except (ValueError, RuntimeError, OSError) as error:
                raise NotALibrary(
                    f"the tables of {self.folder} cannot be opened: {str(error).splitlines()[0]}",
                    "restore the folder from a backup, or delete it and index again",
                ) from error
        return self._store


def processors() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _failures(videos: Iterable[Video], state: str) -> list[Failure]:
    found = (Failure(from_key(v.path), v.reason) for v in videos if v.state == state)
    return sorted(found, key=lambda failure: failure.path)


def _missing(video: Video) -> bool:
    return not video.present or is_gone(from_key(video.path))


def _foreign(folder: Path) -> str:
    """The name of something in the folder that no unfinished library would have left there."""
    ours = {"videos.lance", "moments.lance", "lock", FILE + ".new"}
    try:
        names = sorted(set(os.listdir(folder)) - ours)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"nothing that can be read ({error.strerror})"
    return names[0] if names else ""
