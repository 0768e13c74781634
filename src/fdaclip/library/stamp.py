"""What a library was built with: a small JSON file beside its tables.

It is written last when a library is created, so a folder with a stamp is a whole library.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from .errors import NotALibrary, told_clearly
from .place import Place, Remote

if TYPE_CHECKING:
    from fdaclip.model.attention import AttentionBias
    from fdaclip.model.prune import Prune
    from fdaclip.motion import MotionConfig
    from fdaclip.video import Sampling

SCHEMA = 2
READABLE = (1, SCHEMA)  # an older one is brought up to date by whoever writes first (`schema`)
FILE = "library.json"


@dataclass(frozen=True)
class Stamp:
    """The identity of a library's vectors.

    Attributes:
        schema: version of the tables' layout.
        fingerprint: of the encoder; vectors of another one are not comparable.
        embedding_size: E, the length of a vector.
        model: hub name or folder the encoder is loaded from.
        sampling: frames per moment and their partners, as ``Sampling``'s fields.
        motion: how masks are made, as ``MotionConfig``'s fields.
        window: length of a moment, s. shots: do moments keep within shots?
        created: ISO 8601, UTC.
        attention, prune: how the masks guide the model besides, as the fields of ``AttentionBias``
            and ``Prune``; None if they do not.
    """

    schema: int
    fingerprint: str
    embedding_size: int
    model: str
    sampling: dict[str, Any]
    motion: dict[str, Any]
    window: float
    created: str
    attention: dict[str, Any] | None = None
    prune: dict[str, Any] | None = None
    shots: bool = False


def read_stamp(folder: Place) -> Stamp | None:
    """The stamp of the library in ``folder``; None where there is no library.

    Raises:
        NotALibrary: there is a stamp, but not one this version can read, as of a newer one.
    """
    text: bytes | None
    try:
        text = folder.read(FILE) if isinstance(folder, Remote) else (folder / FILE).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise NotALibrary(
            f"cannot read the library {folder}: {error.strerror}",
            "check its permissions and whether the disk is there",
        ) from None
    if text is None:
        return None
    try:
        told = json.loads(text)
        schema = told["schema"]
        stamp = Stamp(**told) if schema in READABLE else None
    except (ValueError, TypeError, KeyError):
        stamp = schema = None
    if stamp is None and isinstance(schema, int) and schema > SCHEMA:
        raise NotALibrary(
            f"{folder} was written by a newer fdaclip (schema {schema}; this one knows {SCHEMA})",
            "update fdaclip; nothing was changed",
        )
    if stamp is None:
        raise NotALibrary(
            f"{FILE} in {folder} is no stamp of a library",
            "restore it from a backup, or index into another --library",
        )
    return stamp


def identity(folder: Place) -> tuple[int, int] | str | None:
    """Of the stamp that lies there: another one when it was written anew; None if there is none."""
    if isinstance(folder, Remote):
        return folder.tag(FILE)
    try:
        status = (folder / FILE).stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def write_stamp(folder: Place, stamp: Stamp) -> None:
    """Write the stamp so that a reader sees the old one or the new one, never half of it."""
    text = json.dumps(asdict(stamp), indent=2) + "\n"
    with told_clearly(folder):
        if isinstance(folder, Remote):
            folder.write(FILE, text.encode())
            return
        unfinished = folder / (FILE + ".new")
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(folder / FILE)


class Settings(TypedDict):
    """What ``load_encoder`` is to be told besides the model's name."""

    sampling: Sampling
    motion: MotionConfig
    attention: AttentionBias | None
    prune: Prune | None


def settings_of(stamp: Stamp) -> Settings:
    """How the library's vectors are made; fields that came later than it at their defaults.

    Raises:
        NotALibrary: they hold something this version does not know.
    """
    from fdaclip.model.attention import AttentionBias
    from fdaclip.model.prune import Prune
    from fdaclip.motion import MotionConfig
    from fdaclip.video import Sampling

    try:
        return {
            "sampling": Sampling(**stamp.sampling),
            "motion": MotionConfig(**stamp.motion),
            "attention": None if stamp.attention is None else AttentionBias(**stamp.attention),
            "prune": None if stamp.prune is None else Prune(**stamp.prune),
        }
    except (TypeError, ValueError) as error:
        raise NotALibrary(
            f"the library's settings are not known here: {error}",
            "use the version of fdaclip that wrote it, or index into another --library",
        ) from None
