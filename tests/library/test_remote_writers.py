"""Processes that write to one library in object storage, and one that is killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from tiny_films import FakeEncoder, film

from fdaclip.library import Library, LibraryBusy, remote_lock
from fdaclip.library.remote import Remote

pytestmark = pytest.mark.usefixtures("decoded_here")
SCRIPT = Path(__file__).with_name("adding_remote.py")
KILLS = 4
SILENT = 1.5  # s after which the lock of a dead process may be taken over here


def writer(films: Path, place: Remote) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(films), str(place), str(SILENT)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(process: subprocess.Popen[str], said: str, times: int = 1) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        times -= line == said + "\n"
        if not times:
            return
    assert process.stderr is not None
    raise AssertionError(process.stderr.read())


@pytest.mark.slow
def test_the_second_of_two_processes_is_told_who_writes(place: Remote, films: Path) -> None:
    Library(place, FakeEncoder()).add(films / "0.mp4")
    first = writer(films, place)
    try:
        until(first, "committing")
        with pytest.raises(LibraryBusy, match=rf"process {first.pid} on .* \(indexing\)"):
            Library(place, FakeEncoder()).add(films)
        assert len(Library(place, FakeEncoder()).search("x", 50, merge=False, fold=False)) >= 1
        assert first.communicate(timeout=120)[1] == "" and first.returncode == 0
    finally:
        first.kill()
    assert Library(place, FakeEncoder()).add(films).unchanged == 5


@pytest.mark.slow
def test_killed_while_it_commits(
    place: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films, rng = tmp_path / "films", random.Random(0)
    for number in range(10):  # two moments each
        film(films / f"{number}.mp4", colour=number, seconds=13, rate=3)
    Library(place, FakeEncoder()).add([films / "0.mp4", films / "1.mp4"])
    monkeypatch.setattr(remote_lock, "LEASE", SILENT)
    known, killed = {str(films / "0.mp4"), str(films / "1.mp4")}, 0
    for _ in range(KILLS):
        process = writer(films, place)
        try:
            until(process, "committing", rng.choice((1, 2)))
            time.sleep(rng.uniform(0, 0.2))
        finally:
            process.kill()
        killed += process.wait() == -signal.SIGKILL
        process.communicate()
        library = Library(place, FakeEncoder())
        hits = library.search("x", 1000, merge=False, fold=False)
        there = Counter(hit.path for hit in hits)
        assert known <= set(there), "what was committed is still there"
        assert set(there.values()) == {2}, "whole or not at all, and once"
        problems = [problem for problem in library.verify() if problem.damage]
        assert all(problem.kind == "orphan" for problem in problems), problems
        known = set(there)
        time.sleep(SILENT)
    assert killed == KILLS
    library = Library(place, FakeEncoder())
    report = library.add(films)
    assert (report.encoded, report.unchanged) == (10 - len(known), len(known))
    hits = library.search("x", 1000, merge=False, fold=False)
    assert Counter(hit.path for hit in hits) == {str(films / f"{n}.mp4"): 2 for n in range(10)}
    assert library.verify() == []
