"""A library in object storage, against a server that speaks S3."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from tiny_films import FakeEncoder, film

from fdaclip.cli import run
from fdaclip.library import Library, LibraryBusy, LibraryError, NotALibrary
from fdaclip.library.errors import CannotWrite, Unreachable
from fdaclip.library.lock import writing
from fdaclip.library.place import derived_folder, place_of
from fdaclip.library.remote import Remote

pytestmark = pytest.mark.usefixtures("reached", "decoded_here")


def test_what_is_an_address_and_what_a_folder(tmp_path: Path) -> None:
    assert place_of(tmp_path) == tmp_path
    assert place_of("s3://films/a/b.fdaclip/") == Remote("s3://films/a/b.fdaclip")
    assert str(place_of("S3://films/b")) == "s3://films/b"
    for wrong in ("s3://films", "s3:///x", "ftp://films/x", "http://films/x"):
        with pytest.raises(LibraryError):
            place_of(wrong)


def test_the_same_results_as_in_a_folder(
    place: Remote, films: Path, tmp_path: Path, encoder: FakeEncoder
) -> None:
    film(films / "long.mp4", colour=9, seconds=25, rate=4)
    (films / "bad.mp4").write_bytes(b"no film")
    here, there = Library(tmp_path / "l.fdaclip", encoder), Library(str(place), encoder)
    reports = [library.add(films) for library in (here, there)]
    assert [report.encoded for report in reports] == [6, 6]
    assert [len(report.bad) for report in reports] == [1, 1]

    def found(library: Library) -> list[tuple[str, float, float, float]]:
        return [
            (h.path, h.start, h.end, h.score)
            for h in library.search("a square", 50, merge=False, fold=False)
        ]

    assert found(there) == found(here) and len(found(here)) == 8
    assert found(Library(str(place))) == found(here)  # another process would do so
    assert there.add(films).unchanged == 7
    assert there.verify() == []
    told = there.status()
    assert (told.folder, told.files, told.moments, len(told.bad)) == (str(place), 7, 8, 1)
    assert told.bytes > 0
    for library in (here, there):
        (films / "0.mp4").unlink(missing_ok=True)
        assert library.add(films).missing == 1
        assert library.remove(films / "below") == 1
        assert library.remove(missing=True) == 1
    assert found(there) == found(here) and len(found(here)) == 6
    moved = tmp_path / "moved"
    films.rename(moved)
    for library in (here, there):
        library.remap(films, moved)
    assert found(there) == found(here)
    assert there.verify(repair=True) == []


@pytest.mark.slow
def test_the_derived_file_is_kept_on_this_machine(place: Remote, films: Path) -> None:
    Library(place, FakeEncoder()).add(films)
    assert "search" not in place.names()
    state = derived_folder(place) / "state.json"
    assert state.exists()
    state.write_text("rubbish")
    assert len(Library(place, FakeEncoder()).search("x", 50, merge=False, fold=False)) == 5


@pytest.mark.slow
def test_what_another_process_wrote_is_seen(place: Remote, films: Path) -> None:
    reader = Library(place, FakeEncoder())
    Library(place, FakeEncoder()).add(films / "0.mp4")
    reader = Library(place, FakeEncoder())
    assert len(reader.search("x", 50, merge=False, fold=False)) == 1
    Library(place, FakeEncoder()).add(films)
    assert len(reader.search("x", 50, merge=False, fold=False)) == 5


def test_a_second_writer_is_told_who_writes(place: Remote, films: Path) -> None:
    Library(place, FakeEncoder()).add(films / "0.mp4")
    with (
        writing(place, "indexing"),
        pytest.raises(LibraryBusy, match=r"process \d+ on .* \(indexing\)"),
    ):
        Library(str(place), FakeEncoder()).add(films)
    assert Library(place, FakeEncoder()).add(films).encoded == 4


def test_one_of_many_gets_the_lock(place: Remote) -> None:
    got, busy, begin, held = list[int](), list[int](), threading.Barrier(6), threading.Event()

    def want(number: int) -> None:
        begin.wait()
        try:
            with writing(Remote(str(place))):
                got.append(number)
                held.wait(20)
        except LibraryBusy:
            busy.append(number)
        if len(busy) == 5:
            held.set()

    threads = [threading.Thread(target=want, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1 and len(busy) == 5
    assert [name for name in place.names("lock") if name.startswith("probe")] == []


@pytest.mark.slow
def test_the_lock_of_a_dead_process_is_taken_over(
    place: Remote, films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fdaclip.library import remote_lock

    Library(place, FakeEncoder()).add(films / "0.mp4")
    (last,) = place.names("lock")
    dead = {"holder": "process 1 on attic", "token": "t"}
    place.write(f"lock/{int(last) + 1:08d}", json.dumps(dead).encode())
    with pytest.raises(LibraryBusy, match="process 1 on attic"):
        Library(place, FakeEncoder()).add(films)
    monkeypatch.setattr(remote_lock, "LEASE", -2.0)  # it has been silent for longer than that
    assert Library(place, FakeEncoder()).add(films).encoded == 4


@pytest.mark.slow
def test_who_lost_the_lock_writes_nothing_more(
    place: Remote, films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fdaclip.library import remote_lock

    sleeper = Library(place, FakeEncoder())
    sleeper.add(films / "0.mp4")
    with sleeper._writing("indexing") as store:
        with monkeypatch.context() as patched:
            patched.setattr(remote_lock, "LEASE", -2.0)
            assert Library(str(place), FakeEncoder()).add(films / "1.mp4").encoded == 1
        with pytest.raises(LibraryBusy, match="taken over"):
            store.forget([video.path for video in store.videos()])
    assert len(Library(place, FakeEncoder()).search("x", 50, merge=False, fold=False)) == 2


def test_a_foreign_place_is_refused(place: Remote, films: Path) -> None:
    place.write("holiday.txt", b"mine")
    with pytest.raises(NotALibrary, match=r"holds holiday\.txt"):
        Library(place, FakeEncoder()).add(films)


@pytest.mark.slow
def test_what_cannot_be_reached_is_told_in_a_line(
    place: Remote, films: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import fsspec

    with pytest.raises(Unreachable, match="there is no bucket nowhere") as told:
        Library("s3://nowhere/l.fdaclip", FakeEncoder())
    assert told.value.hint
    wrong = PermissionError("The AWS Access Key Id you provided does not exist in our records.")
    told_so = place.unreachable(wrong)
    assert told_so is not None and "credentials are wrong" in str(told_so)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    assert run(["status", "--library", str(place)]) == 1
    error = capsys.readouterr().err.strip()
    assert error == (
        f"error: cannot reach {place}: http://127.0.0.1:9 does not answer; "
        "hint: check AWS_ENDPOINT_URL and the network"
    )


@pytest.mark.slow
def test_a_storage_that_goes_away_meanwhile(
    place: Remote, films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library(place, FakeEncoder())
    library.add(films / "0.mp4")
    store = library._open()
    with pytest.raises(CannotWrite, match="does not answer"), place.writing_told():
        raise RuntimeError("lance error: ConnectError(tcp connect error, Connection refused)")
    assert len(store.videos()) == 1


def test_a_folder_needs_nothing_of_object_storage(tmp_path: Path, films: Path) -> None:
    code = (
        "import sys\n"
        "from tiny_films import FakeEncoder\n"
        "from fdaclip.library import Library\n"
        f"Library({str(tmp_path / 'l')!r}, FakeEncoder()).search('x')\n"
        "print(sorted({'fsspec', 's3fs', 'botocore', 'ray', 'lance'} & set(sys.modules)))"
    )
    Library(tmp_path / "l", FakeEncoder()).add(films)
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True
    )
    assert told.stdout.strip() == "[]", told.stderr


@pytest.mark.slow
def test_vectors_are_stored_bit_for_bit(place: Remote, films: Path, tmp_path: Path) -> None:
    here, there = Library(tmp_path / "l", FakeEncoder()), Library(place, FakeEncoder())
    here.add(films)
    there.add(films)

    def vectors(library: Library) -> dict[str, bytes]:
        store = library._open()
        moments = store.moments()
        path_of = {video.take: video.path for video in store.videos()}
        takes = moments.take.tolist()
        return {
            path_of[take]: np.asarray(vector).tobytes()
            for take, vector in zip(takes, moments.vectors, strict=True)
        }

    assert vectors(here) == vectors(there)
