"""Which files are meant: files, folders and globs become a list of video files."""

# Paths are strings here: os loses none of their bytes.
# ruff: noqa: PTH100, PTH110, PTH111, PTH112, PTH113, PTH116, PTH122, PTH123, PTH207

from __future__ import annotations

import glob
import os
import stat
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from fdaclip.video.extensions import EXTENSIONS

from .errors import NoSuchPath
from .names import mount_of, to_key


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is there: its path as Python gives it, and what ``stat`` says."""

    path: str
    size: int
    mtime_ns: int

    @property
    def key(self) -> str:
        return to_key(self.path)

    @property
    def mount(self) -> str:
        """Key of the mount point it lies on now."""
        return mount_of(self.path)


@dataclass
class Scan:
    """What was found.

    Attributes:
        files: in the order found, each once.
        roots: files and folders that were looked at; what is known below them and was not found is
            missing.
        failures: (path, reason) of what could not be looked at.
    """

    files: list[Found] = field(default_factory=list)
    roots: list[str] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)


def scan(paths: Iterable[str | os.PathLike[str]], known: Iterable[str] = ()) -> Scan:
    """Find the files meant by ``paths``.

    A folder is walked whole; of its files those with a video's extension count, names that begin
    with a dot don't. Links to folders are followed, each real folder is entered once, so loops end.
    A file named explicitly counts whatever its name. What does not exist but holds ``*``, ``?`` or
    ``[`` is a glob (``**`` crosses folders).

    Args:
        paths: files, folders, globs; ``~`` is the home folder.
        known: keys of files in the library; one of them may be named although it is gone.

    Raises:
        NoSuchPath: something named neither exists nor is known; nothing was done.
    """
    result, seen, gone = Scan(), dict[str, Found](), list[str]()
    known = set(known)
    for given in paths:
        path = os.path.abspath(os.path.expanduser(os.fspath(given)))
        if os.path.lexists(path):
            matches = [path]
        elif matches := sorted(glob.glob(path, recursive=True)):
            pass
        elif any(key == to_key(path) or key.startswith(to_key(path) + "/") for key in known):
            result.roots.append(path)
            continue
        else:
            gone.append(os.fspath(given))
            continue
        for match in matches:
            result.roots.append(match)
            if os.path.isdir(match):
                _walk(match, seen, result.failures)
            else:
                _take(match, seen, result.failures)
    if gone:
        names = ", ".join(ascii(name) if not name.isprintable() else name for name in gone)
        raise NoSuchPath(f"no such file or folder: {names}", "nothing was indexed; mend the path")
    result.files = list(seen.values())
    return result


def _take(path: str, seen: dict[str, Found], failures: list[tuple[str, str]]) -> None:
    try:
        status = os.stat(path)
    except OSError as error:
        failures.append((path, _why(error)))
        return
    if stat.S_ISREG(status.st_mode):
        seen.setdefault(path, Found(path, status.st_size, status.st_mtime_ns))
    else:
        failures.append((path, "not a file: a device, pipe or socket"))


def _walk(root: str, seen: dict[str, Found], failures: list[tuple[str, str]]) -> None:
    """Real folders before linked ones, so that a file is known by its real path."""
    folders, linked, entered = deque([root]), deque[str](), set[tuple[int, int]]()
    while folders or linked:
        folder = folders.popleft() if folders else linked.popleft()
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            failures.append((folder, _why(error)))
            continue
        for entry in inside:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                (linked if entry.is_symlink() else folders).append(entry.path)
            elif _looks_like_video(entry):
                _take(entry.path, seen, failures)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Or a link to one; what is no link is told without asking the file system again."""
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()


def _looks_like_video(entry: os.DirEntry[str]) -> bool:
    extension = os.path.splitext(entry.name)[1].lower()
    if extension not in EXTENSIONS:
        return False
    is_file = os.path.isfile(entry.path) if entry.is_symlink() else entry.is_file()
    if extension == ".ts" and is_file:  # MPEG transport streams, not TypeScript
        try:
            with open(entry.path, "rb") as file:
                return file.read(1) == b"G"
        except OSError:
            return True  # an unreadable file is reported, not passed over
    return is_file or not os.path.exists(entry.path)  # of a link to nothing the reader hears


def _why(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "it is gone, or a link to nothing"
    return (error.strerror or type(error).__name__).lower()
