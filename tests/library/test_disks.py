"""Disks that are full, read-only, or gone: a clear line, and a library that is intact.

With real file systems in memory where this process may mount them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_films import FakeEncoder, film

from fdaclip.cli import run
from fdaclip.library import CannotWrite, Library, LibraryError
from fdaclip.library.names import mount_of, whereabouts

SCRIPT = Path(__file__).with_name("acting.py")


class Disk:
    """A file system in memory that can be plugged in and out; its contents stay."""

    def __init__(self, folder: Path, size: str) -> None:
        self.inside, self.place, self._size = folder / "inside", folder / "disk", size
        self.inside.mkdir(parents=True)
        self.place.mkdir()
        mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.inside)
        self.plug()

    def plug(self) -> None:
        mount("--bind", self.inside, self.place)

    def pull(self) -> None:
        """As when it is unplugged: at once, whoever uses it."""
        subprocess.run(["umount", "-l", str(self.place)], check=True)

    def grow(self, size: str) -> None:
        mount("-o", f"remount,size={size}", self.inside)

    def read_only(self, yes: bool) -> None:
        mount("-o", f"remount,bind,{'ro' if yes else 'rw'}", self.place)

    def close(self) -> None:
        for place in (self.place, self.inside):
            subprocess.run(["umount", "-l", str(place)], capture_output=True)


def mount(*words: object) -> None:
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise OSError(done.stderr)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    try:
        made = Disk(tmp_path / "disks", "8m")
    except OSError as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    yield made
    made.close()


def found(library: Library) -> set[str]:
    return {Path(hit.path).name for hit in library.search("x", 1000, merge=False, fold=False)}


def test_films_on_a_disk_that_is_away_are_found_and_said_to_be_so(
    disk: Disk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, films = tmp_path / "l.fdaclip", disk.place / "films"
    for number in range(3):
        film(films / f"{number}.mp4", colour=number)
    library = Library(place, FakeEncoder())
    library.add(films)
    assert {video.mount for video in library._open().videos()} == {str(disk.place)}
    disk.pull()
    assert whereabouts(str(films / "0.mp4"), str(disk.place)) == "offline"
    report = library.add(films)
    assert (report.offline, report.missing) == (3, 0)
    assert found(library) == {"0.mp4", "1.mp4", "2.mp4"}
    assert library.status().offline == {str(disk.place): 3} and library.status().missing == []
    assert [(p.kind, p.path, p.damage) for p in library.verify(repair=True)] == [
        ("offline", str(disk.place), False)
    ]
    assert library.remove(missing=True) == 0
    assert run(["status", "--library", str(place)]) == 0
    assert f"offline: 3 files on {disk.place}, which is not mounted" in capsys.readouterr().out
    copy = shutil.copy(disk.inside / "films" / "0.mp4", tmp_path / "copy.mp4")
    assert library.add(copy).duplicates == 1, "the one that is away has not moved"
    disk.plug()
    assert library.status().offline == {} and library.verify() == []
    (films / "0.mp4").unlink()
    assert (library.add(films).missing, library.status().missing) == (1, [str(films / "0.mp4")])


def test_rows_that_name_no_disk_get_one(tmp_path: Path, films: Path) -> None:
    from dataclasses import replace

    library = Library(tmp_path / "l.fdaclip", FakeEncoder())
    library.add(films)
    store = library._open()
    store.commit({}, [replace(video, mount="") for video in store.videos()])
    assert library.add(films).unchanged == 5
    assert {video.mount for video in store.videos()} == {mount_of(str(films))}


def test_a_full_disk(disk: Disk, tmp_path: Path) -> None:
    for number in range(40):
        film(tmp_path / "films" / f"{number:02d}.mp4", colour=number)
    library = Library(disk.place / "l.fdaclip", FakeEncoder())
    library.add(tmp_path / "films" / "00.mp4")
    spare = shutil.disk_usage(disk.place).free
    (disk.place / "ballast").write_bytes(bytes(spare - 60_000))
    with pytest.raises(CannotWrite, match="no space left on device") as full:
        library.add(tmp_path / "films")
    assert str(full.value).startswith(f"cannot write to the library {disk.place}/l.fdaclip: ")
    assert "free space" in full.value.hint and "\n" not in str(full.value)
    for number in (40, 41):  # and again, as long as it is full
        there = found(Library(disk.place / "l.fdaclip", FakeEncoder()))
        assert "00.mp4" in there
        assert all(p.kind == "orphan" for p in library.verify())
        film(tmp_path / "films" / f"{number:02d}.mp4", colour=number)
        with (disk.place / "ballast").open("ab") as file:
            file.write(bytes(shutil.disk_usage(disk.place).free))
        with pytest.raises(CannotWrite):
            library.add(tmp_path / "films")
    (disk.place / "ballast").unlink()
    report = library.add(tmp_path / "films")
    assert report.bad == [] and len(found(library)) == 42 and library.verify() == []


def test_a_read_only_disk(disk: Disk, films: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = disk.place / "l.fdaclip"
    library = Library(place, FakeEncoder())
    library.add(films)
    shutil.rmtree(place / "search")  # the vector file has to be made anew, in memory
    before = found(library)
    disk.read_only(True)
    assert found(Library(place, FakeEncoder())) == before
    assert library.status().files == 5 and library.verify() == []
    film(films / "new.mp4", colour=9)
    actions = (
        lambda: library.add(films),
        lambda: library.remove(films / "0.mp4"),
        lambda: library.verify(repair=True),
        lambda: library.compact(),
        lambda: library.remap(films, films.with_name("other")),
        lambda: Library(disk.place / "another.fdaclip", FakeEncoder()).add(films),
    )
    for action in actions:
        with pytest.raises(CannotWrite, match="read-only file system"):
            action()
    disk.read_only(False)
    assert library.add(films).encoded == 1


def test_a_library_whose_disk_was_pulled_out(disk: Disk, films: Path) -> None:
    place = disk.place / "l.fdaclip"
    library = Library(place, FakeEncoder())
    library.add(films)
    before = found(library)
    disk.pull()
    film(films / "new.mp4", colour=9)
    for action in (
        lambda: library.search("never asked"),
        lambda: library.add(films),
        lambda: library.status(),
        lambda: library.verify(),
        lambda: Library(place),
    ):
        with pytest.raises(LibraryError) as gone:
            action()
        assert gone.value.hint and "\n" not in str(gone.value)
    assert not list(disk.place.iterdir()), "nothing was written below the mount point"
    disk.plug()
    assert found(library) == before
    assert library.add(films).encoded == 1 and library.verify() == []


@pytest.mark.parametrize(
    "instant",
    [
        pytest.param("encode", marks=pytest.mark.slow),
        pytest.param("moments", marks=pytest.mark.slow),
        "rows",
    ],
)
def test_pulled_out_during_a_run(disk: Disk, tmp_path: Path, instant: str) -> None:
    place, films = disk.place / "l.fdaclip", tmp_path / "films"
    for number in range(20):
        film(films / f"{number:02d}.mp4", colour=number)
    Library(place, FakeEncoder()).add(films / "00.mp4")
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), "add", str(place), str(films), instant],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while process.stdout.readline() != f"in {instant}\n":
        assert process.poll() is None
    disk.pull()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and err.count("\n") == 1, err
    assert err.startswith(f"cannot write to the library {place}: ")
    assert not list(disk.place.iterdir()), "nothing was written below the mount point"
    disk.plug()
    library = Library(place, FakeEncoder())
    assert "00.mp4" in found(library)
    assert all(p.kind == "orphan" for p in library.verify())
    library.add(films)
    assert len(found(library)) == 20 and library.verify() == []


@pytest.mark.slow
def test_films_whose_disk_was_pulled_out_during_a_run(disk: Disk, tmp_path: Path) -> None:
    """Neither missing, nor bad, nor partial: they are away, and are read when they are back."""
    place, films = tmp_path / "l.fdaclip", disk.place / "films"
    for number in range(12):
        film(films / f"{number:02d}.mp4", colour=number, seconds=3)
    library = Library(place, FakeEncoder())
    library.add(films / "00.mp4")
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), "add", str(place), str(films), "encode"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while process.stdout.readline() != "in encode\n":
        assert process.poll() is None
    disk.pull()
    process.communicate(timeout=60)
    assert process.returncode == 0
    status = library.status()
    assert status.missing == [] and status.bad == [] and status.partial == []
    assert "00.mp4" in found(library)
    disk.plug()
    assert library.add(films).bad == []
    assert len(found(library)) == 12 and library.verify() == []
