"""A library that is there, or is to be: its stamp, its tables, its model."""

# Paths are strings here: os loses none of their bytes.
# ruff: noqa: PTH208

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING, Any, Literal

from . import derived
from .errors import FingerprintMismatch, LibraryError, NotALibrary, told_clearly
from .lock import writing
from .place import Place, Remote, place_of
from .reindex import MARK, finish, new_folder
from .stamp import FILE, SCHEMA, Stamp, identity, read_stamp, settings_of, write_stamp

if TYPE_CHECKING:
    from fdaclip.model import Encoder

    from .store import Store

WINDOW = 8.0  # s, the length of a moment where nothing else is asked for


class OpenLibrary:
    """What asking a library and changing it have in common; see `Library`."""

    def __init__(
        self,
        path: str | os.PathLike[str] | Remote,
        encoder: Encoder | None = None,
        *,
        model: str = "",
        window: float | None = None,
        shots: bool | None = None,
    ) -> None:
        if window is not None and not 0 < window < math.inf:
            raise ValueError(f"window must be seconds above 0, not {window!r}")
        self.folder = place_of(path)
        self._encoder = encoder
        self._model = model or str(getattr(encoder, "source", "") or "")
        self._store: Store | None = None
        self._seen = identity(self.folder)
        self._stamp = read_stamp(self.folder)
        if (
            self._stamp is None
            and isinstance(self.folder, Path)
            and new_folder(self.folder).exists()
        ):
            finish(self.folder)  # a swap that was killed
            self._seen, self._stamp = identity(self.folder), read_stamp(self.folder)
        if self._stamp is None and encoder is None:
            raise NotALibrary(
                f"there is no library at {self.folder}",
                "create it with: fdaclip index PATHS --library " + str(self.folder),
            )
        self._window, self._shots = window, shots
        if self._stamp is not None:
            self._check_moments(self._stamp)
            if encoder is not None:
                self._check(encoder, self._stamp)

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
            self._encoder = self._load("auto")
        return self._encoder

    def _load(self, runtime: Literal["auto", "torch"]) -> Encoder:
        from fdaclip.model import ModelNotFound, load_encoder

        stamp = self.stamp
        if not stamp.model:
            raise LibraryError(
                f"the library {self.folder} does not know where its model is",
                "give it: --model FOLDER, or Library(path, encoder, model=FOLDER)",
            )
        try:
            encoder = load_encoder(stamp.model, runtime=runtime, **settings_of(stamp))
        except ModelNotFound as error:
            raise LibraryError(
                f"the library's model is not at hand: {str(error).split('; hint:')[0]}",
                "--model FOLDER tells where it is now; index --download fetches it",
            ) from error
        self._check(encoder, stamp)
        return encoder

    @contextmanager
    def _writing(self, doing: str) -> Iterator[Store]:
        """Its tables, while nobody else writes to them; of an older schema they are migrated.

        Raises:
            LibraryBusy: another process is writing. CannotWrite: the folder takes nothing.
        """
        self.stamp  # noqa: B018 (raises if there is no library)
        if isinstance(self.folder, Path):
            finish(self.folder)  # a swap that was killed
        with writing(self.folder, doing):
            self._notice_a_swap()
            if self.stamp.schema != SCHEMA:
                from .schema import migrate

                self._stamp, self._store = migrate(self.folder, self.stamp), None
                self._seen = identity(self.folder)
            yield self._open()

    def _notice_a_swap(self) -> None:
        """Another process may have put another library in its place, or moved its model.

        Raises:
            FingerprintMismatch: the one that is there now is of another model than this was given.
            NotALibrary: there is none now.
        """
        seen = identity(self.folder)
        if self._stamp is None or seen == self._seen:
            return
        if seen is None:
            raise NotALibrary(
                f"the library {self.folder} is not there any more",
                "is its disk mounted? It is as it was when the disk is back",
            )
        self._stamp = read_stamp(self.folder)
        self._let_go()
        if self._stamp is not None and self._encoder is not None:
            self._check(self._encoder, self._stamp)
        self._seen = seen  # not before: what was refused is refused again

    def _let_go(self) -> None:
        """What was read of the library that was there is of no use any more."""
        self._store = None

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
        if isinstance(self.folder, Path):
            with told_clearly(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
        with writing(self.folder):
            self._stamp = read_stamp(self.folder)  # another process may have been faster
            if self._stamp is None:
                from .store import Store

                Store.create(self.folder, self._encoder.embedding_size)
                self._stamp = self._new_stamp(self._encoder)
                write_stamp(self.folder, self._stamp)
        self._check_moments(self._stamp)
        self._check(self._encoder, self._stamp)

    def _new_stamp(self, encoder: Encoder) -> Stamp:
        return Stamp(
            schema=SCHEMA,
            fingerprint=encoder.fingerprint,
            embedding_size=encoder.embedding_size,
            model=self._model,
            sampling=asdict(encoder.sampling),
            motion=asdict(encoder.motion),
            window=WINDOW if self._window is None else self._window,
            shots=self._shots is not False,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            attention=_fields(getattr(encoder, "attention", None)),
            prune=_fields(getattr(encoder, "prune", None)),
        )

    def _check(self, encoder: Encoder, stamp: Stamp) -> None:
        """Refuse an encoder whose vectors don't belong here; remember where a right one is now."""
        settings = settings_of(stamp)
        differ = [
            f"{name} {old!r} is now {new!r}"
            for name, old, new in (
                ("fingerprint", stamp.fingerprint, encoder.fingerprint),
                ("embedding_size", stamp.embedding_size, encoder.embedding_size),
                ("sampling", settings["sampling"], encoder.sampling),
                ("motion", settings["motion"], encoder.motion),
            )
            if old != new
        ]
        if differ:
            model = self._model or stamp.model
            raise FingerprintMismatch(
                f"the library {self.folder} was built with another model: {'; '.join(differ)}",
                "index it anew, and keep it until that is done: "
                + join(["fdaclip", "index", "--reindex", "--model", model, *self._named]),
            )
        if self._model and self._model != stamp.model and self._encoder is not None:
            self._stamp = replace(stamp, model=self._model)
            if isinstance(self.folder, Remote) or os.access(self.folder, os.W_OK):
                write_stamp(self.folder, self._stamp)

    def _check_moments(self, stamp: Stamp) -> None:
        if self._window is not None and self._window != stamp.window:
            raise FingerprintMismatch(
                f"the moments of the library {self.folder} are {stamp.window:g} s long, "
                f"not {self._window:g} s",
                "leave out --window, or index it anew, and keep it until that is done: "
                + join(["fdaclip", "index", "--reindex", "--window", f"{self._window:g}"])
                + " "
                + join(self._named),
            )
        if self._shots is not None and self._shots != stamp.shots:
            option = "--shots" if self._shots else "--no-shots"
            way = "keep within shots" if stamp.shots else "pay no heed to shots"
            raise FingerprintMismatch(
                f"the moments of the library {self.folder} {way}",
                f"leave out {option}, or index it anew, and keep it until that is done: "
                + join(["fdaclip", "index", "--reindex", option, *self._named]),
            )

    @property
    def _named(self) -> list[str]:
        """How a command names it."""
        return ["--library", str(self.folder)]

    def _open(self) -> Store:
        self._notice_a_swap()
        if self._store is None:
            from .store import Store

            self.stamp  # noqa: B018 (raises if there is no library)
            try:
                self._store = Store(self.folder)
            except (ValueError, RuntimeError, OSError) as error:
                raise NotALibrary(
                    f"the tables of {self.folder} cannot be opened: {str(error).splitlines()[0]}",
                    "restore the folder from a backup, or delete it and index again",
                ) from error
        return self._store


def _fields(way: Any) -> dict[str, Any] | None:
    """Of a way to guide a model; not every encoder knows any."""
    return None if way is None else asdict(way)


def _foreign(folder: Place) -> str:
    """The name of something in the folder that no unfinished library would have left there."""
    ours = {
        "index",
        "videos.lance",
        "moments.lance",
        "texts.lance",
        "lock",
        derived.FOLDER,
        FILE + ".new",
    }
    ours |= {MARK, "index"}
    try:
        there = folder.names() if isinstance(folder, Remote) else os.listdir(folder)
        names = sorted(set(there) - ours)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"nothing that can be read ({error.strerror})"
    return names[0] if names else ""
