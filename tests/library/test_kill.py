"""kill -9 at any instant: the library opens, nothing committed is lost, nothing appears twice."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from kills import kill_in
from phases import PHASES
from tiny_films import FakeEncoder, film

from fdaclip.library import Library, LibraryBusy

SCRIPT = Path(__file__).with_name("adding.py")
FILMS = 20


@pytest.mark.parametrize("phase", ["rows", "migrate", "swap"])
def test_killed_once_in_some_phases(phase: str, tmp_path: Path) -> None:
    kill_in(phase, tmp_path, kills=1, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("phase", PHASES)
def test_killed_four_times_in_every_phase(phase: str, tmp_path: Path) -> None:
    """More than 50 in all."""
    assert 4 * len(PHASES) >= 50
    kill_in(phase, tmp_path, kills=4, seed=2)


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
    hits = library.search("x", limit=10_000, merge=False, fold=False)
    return Counter(hit.path for hit in hits)


def test_readers_in_another_process_and_a_second_writer(tmp_path: Path) -> None:
    place, many = tmp_path / "l.fdaclip", tmp_path / "many"
    for number in range(FILMS):
        film(many / f"{number:02d}.mp4", colour=number, seconds=13, rate=3)  # two moments each
    Library(place, FakeEncoder()).add(many / "00.mp4")
    process = start(many, place)
    reader, busy, sizes = Library(place, FakeEncoder()), 0, []
    while process.poll() is None:
        found = moments_by_path(reader)
        assert set(found.values()) == {2}
        sizes.append(len(found))
        if str(process.pid) not in (place / "lock").read_text():
            continue
        for action in (lambda: reader.remove(missing=True), reader.compact):
            try:
                action()
            except LibraryBusy as error:
                assert f"process {process.pid} on" in str(error)
                assert " since 2" in str(error) and "(indexing)" in str(error)
                busy += 1
    assert process.returncode == 0
    assert busy and sizes == sorted(sizes)
    assert len(moments_by_path(reader)) == FILMS
