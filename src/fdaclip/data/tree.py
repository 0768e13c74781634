"""Where things lie below a folder: annotation files by their usual names, videos by theirs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from fdaclip.data.errors import DataError
from fdaclip.video.extensions import EXTENSIONS


class Tree:
    """All files below a folder, links to folders followed (each real folder once).

    Where several files answer, the one in the fewest folders is taken, then the first by name.

    Attributes:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        if not root.is_dir():
            raise DataError(f"{root} is not a folder", "--root is where the data set lies")

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Shallowest first, then by name; names that begin with a dot do not count."""
        found: list[str] = []
        entered: set[tuple[int, int]] = set()
        for folder, folders, names in os.walk(self.root, followlinks=True):
            status = Path(folder).stat()
            if (status.st_dev, status.st_ino) in entered:
                folders.clear()
                continue
            entered.add((status.st_dev, status.st_ino))
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            found.extend(os.path.join(folder, n) for n in names if not n.startswith("."))  # noqa: PTH118
        found.sort(key=lambda path: (path.count(os.sep), path))
        return tuple(map(Path, found))

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        named: dict[str, list[Path]] = {}
        for path in self.files:
            named.setdefault(path.name.lower(), []).append(path)
        return named

    @cached_property
    def _videos(self) -> dict[str, list[Path]]:
        named: dict[str, list[Path]] = {}
        for path in self.files:
            if path.suffix.lower() in EXTENSIONS or "." not in path.name.rstrip("."):
                named.setdefault(stem(path.name), []).append(path)
        return named

    def annotation(self, names: Sequence[str], within: Sequence[str] = ()) -> Path | None:
        """The file that has the first of these names that any has, capitals aside.

        Args:
            within: where several have it, one below a folder of such a name is preferred: people
                keep several data sets, each with its ``val_list.txt``, side by side.

        Raises:
            DataError: several files answer equally well and differ.
        """
        for name in names:
            paths = self._by_name.get(name.lower(), [])
            inside = [p for p in paths if any(is_below(p, self.root, w) for w in within)]
            paths = inside or paths
            if not paths:
                continue
            nearest = [p for p in paths if len(p.parts) == len(paths[0].parts)]
            if len({path.read_bytes() for path in nearest}) > 1:
                listed = " and ".join(map(str, nearest[:2]))
                raise DataError(
                    f"{listed} have one name and differ", "name the folder of one as --root"
                )
            return nearest[0]
        return None

    def videos(self, names: Iterable[str]) -> list[Path]:
        """All files that the first known of these names may mean, the best first.

        Args:
            names: of a video, with or without folders and an extension; another extension than the
                one named will do, for people convert.
        """
        for name in names:
            direct = self.root / name
            if direct.is_file():
                return [direct]
            base = name.replace("\\", "/").rsplit("/", 1)[-1]
            paths = [path for path in self._videos.get(stem(base), ()) if path.is_file()]
            if paths:
                return sorted(paths, key=lambda path: path.name != base)
        return []


def stem(name: str) -> str:
    """A file name without a video's extension: ids may have points of their own."""
    head, point, extension = name.rpartition(".")
    if point and (not extension or f".{extension.lower()}" in EXTENSIONS):
        return head
    return name


def is_below(path: Path, root: Path, part: str) -> bool:
    """Is some folder between root and file called so, hyphens and capitals aside?"""
    folders = path.relative_to(root).parts[:-1]
    return any(part in folder.lower().replace("-", "").replace("_", "") for folder in folders)
