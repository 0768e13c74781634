"""What was found out about each video file by decoding it, kept for later runs.

One JSON file for all data sets below a folder, keyed by the file's path; what it says of a file
counts as long as the file's size and time of change are the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from fdaclip.data.errors import DataError

FORMAT = 1
NAME = "fdaclip-manifest.json"
State = Literal["ok", "partial", "short", "damaged"]
UNUSABLE = ("short", "damaged")


@dataclass(frozen=True)
class Checked:
    """A file that was decoded.

    Attributes:
        size, mtime_ns: of the file then.
        state: "ok"; "partial" (some of the frames looked at are lost); "short" (a single frame, or
            over before it should begin); "damaged" (nothing can be decoded).
        reason: what is wrong, for any but "ok".
        seconds: how long the video is. width, height: px. rate: frames/s, 0 if unknown.
        codec: FFmpeg's name.
        digest: SHA-256 of the file's content, by which copies are found; empty if not asked for.
    """

    size: int
    mtime_ns: int
    state: State
    reason: str = ""
    seconds: float = 0.0
    width: int = 0
    height: int = 0
    rate: float = 0.0
    codec: str = ""
    digest: str = ""


class Manifest:
    """The known files below a folder.

    Attributes:
        root: the folder.
        path: the manifest's own file.
    """

    def __init__(self, root: Path, path: Path, files: dict[str, Checked]) -> None:
        self.root = root
        self.path = path
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    def of(self, path: Path) -> Checked | None:
        """What is known of a file; None where nothing is or the file has changed since."""
        known = self._files.get(self._key(path))
        if known is None:
            return None
        try:
            status = path.stat()
        except OSError:
            return None
        same = (status.st_size, status.st_mtime_ns) == (known.size, known.mtime_ns)
        return known if same else None

    def note(self, path: Path, checked: Checked) -> None:
        self._files[self._key(path)] = checked

    def save(self) -> None:
        """Write it whole or not at all."""
        content = {
            "format": FORMAT,
            "videos": {key: asdict(checked) for key, checked in sorted(self._files.items())},
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".manifest-", dir=self.path.parent)
        partial = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
                json.dump(content, file, indent=0)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self.path)
        finally:
            partial.unlink(missing_ok=True)

    def _key(self, path: Path) -> str:
        absolute = Path(os.path.abspath(path))  # noqa: PTH100  (links stay as they are)
        base = Path(os.path.abspath(self.root))  # noqa: PTH100
        return str(absolute.relative_to(base) if absolute.is_relative_to(base) else absolute)


def open_manifest(root: Path) -> Manifest:
    """The manifest of a folder; an empty one where nothing was checked yet.

    It lies in the folder, or in the user's cache where the folder may not be written to.

    Raises:
        DataError: the file is none.
    """
    path = place(root)
    try:
        content = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
        if content["format"] != FORMAT:
            return Manifest(root, path, {})
        files = {key: Checked(**row) for key, row in content["videos"].items()}
    except FileNotFoundError:
        return Manifest(root, path, {})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path} cannot be read: {error}", "delete it and check again") from None
    return Manifest(root, path, files)


def place(root: Path) -> Path:
    """Where the manifest of a folder is or will be."""
    inside = root / NAME
    if inside.exists() or os.access(root, os.W_OK):
        return inside
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    mark = hashlib.sha256(str(root.resolve()).encode(errors="surrogateescape")).hexdigest()
    return cache / "fdaclip" / "manifests" / f"{mark[:16]}.json"
