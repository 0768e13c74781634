"""kill -9 at any instant: the library opens, nothing committed is lost, nothing appears twice."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from tiny_films import FakeEncoder, film

from fdaclip.library import Library, LibraryBusy
from fdaclip.library.stamp import read_stamp

SCRIPT = Path(__file__).with_name("adding.py")
FILMS = 20


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    for number in range(FILMS):
        film(folder / f"{number:02d}.mp4", colour=number, seconds=13, rate=3)  # two moments each
    return folder


def start(folder: Path, place: Path) -> subprocess.Popen[str]:
    """A process that has begun to add."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder), str(place)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "adding\n"
    return process


def moments_by_path(library: Library) -> Counter[str]:
    return Counter(hit.path for hit in library.search("x", limit=10_000))


def check_kills(many: Path, place: Path, kills: int, seed: int) -> None:
    """As many kills as asked for that met a process at work; one that is done begins anew."""
    rng = random.Random(seed)
    known: set[str] = set()
    landed = 0
    while landed < kills:
        process = start(many, place)
        if rng.random() < 0.7:  # else while it starts
            assert process.stdout is not None
            process.stdout.readline()  # "working", or the end
        time.sleep(rng.uniform(0, 0.5))
        process.kill()
        met = process.wait() == -signal.SIGKILL
        landed += met
        wait_for_workers(process.pid)
        if read_stamp(place) is None:
            continue  # killed before there was a library
        reader = Library(place, FakeEncoder())
        found = moments_by_path(reader)
        assert set(found.values()) <= {2}, "a video is there whole or not at all, and once"
        assert known <= set(found), "what was committed is still there"
        assert all(p.kind == "orphan" for p in reader.verify())
        known = set(found)
        if not met:
            assert len(known) == FILMS and reader.verify() == []
            shutil.rmtree(place)
            known = set()
    library = Library(place, FakeEncoder())
    report = library.add(many)
    assert report.unchanged == len(known) and report.encoded == FILMS - len(known)
    assert moments_by_path(library) == {str(path): 2 for path in many.iterdir()}
    assert library.verify() == []


def wait_for_workers(group: int) -> None:
    """The workers of a killed process end too."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    os.killpg(group, signal.SIGKILL)
    raise AssertionError("workers outlived the process that started them by 10 s")


def test_killed_a_few_times(many: Path, tmp_path: Path) -> None:
    check_kills(many, tmp_path / "l.fdaclip", kills=2, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_killed_many_times(many: Path, tmp_path: Path, seed: int) -> None:
    check_kills(many, tmp_path / "l.fdaclip", kills=5, seed=seed + 2)


def test_readers_in_another_process_and_a_second_writer(many: Path, tmp_path: Path) -> None:
    place = tmp_path / "l.fdaclip"
    Library(place, FakeEncoder()).add(many / "00.mp4")
    process = start(many, place)
    reader, busy, sizes = Library(place, FakeEncoder()), 0, []
    while process.poll() is None:
        found = moments_by_path(reader)
        assert set(found.values()) == {2}
        sizes.append(len(found))
        if str(process.pid) not in (place / "lock").read_text():
            continue
        try:
            reader.remove(missing=True)
        except LibraryBusy as error:
            assert f"process {process.pid} on" in str(error)
            busy += 1
    assert process.returncode == 0
    assert busy and sizes == sorted(sizes)
    assert len(moments_by_path(reader)) == FILMS
