"""The same library, indexed by Ray: the same rows, whatever dies meanwhile."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crashing import Crashing
from tiny_films import FakeEncoder, film

from fdaclip.library import Interrupted, Library, LibraryError, Progress, engine_ray
from fdaclip.library import ingest as ingest_module

ray = pytest.importorskip("ray")
pytest.importorskip("lance")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Ray with two processors, as it runs in a program of somebody's own."""
    ray.init(
        num_cpus=2,
        object_store_memory=200 << 20,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}},  # the fake encoder
        logging_level="ERROR",
    )
    yield
    ray.shutdown()


def rows(library: Library) -> dict[str, Any]:
    """All that both tables say of each file, but for the numbers that are made anew each time."""
    store = library._open()
    made = {"take", "indexed", "words"}
    table = store._moments.to_arrow().to_pylist()
    of_take: dict[int, list[Any]] = {}
    for row in sorted(table, key=lambda row: (row["take"], row["start"])):
        take = row.pop("take")
        row["vector"] = np.array(row["vector"], np.float32).tobytes()
        row["thumb_time"] = repr(row["thumb_time"])
        of_take.setdefault(take, []).append(row)
    return {
        video.path: (
            {name: value for name, value in asdict(video).items() if name not in made},
            of_take.get(video.take, []),
        )
        for video in store.videos()
    }


def all_kinds(folder: Path) -> Path:
    """Films of every kind that ends in another way."""
    for number in range(4):
        film(folder / f"{number}.mp4", colour=number)
    film(folder / "long.mp4", colour=5, seconds=25, rate=4)
    whole = film(folder / "cut off.mp4", colour=6, seconds=20, rate=4).read_bytes()
    half = film(folder / "whole.mkv", colour=7, seconds=40, rate=6).read_bytes()
    (folder / "half.mkv").write_bytes(half[: len(half) // 2])
    (folder / "cut off.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "copy.mp4").write_bytes((folder / "0.mp4").read_bytes())
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "no film.mp4").write_bytes(b"no film " * 99)
    return folder


@pytest.mark.slow
def test_row_for_row_as_on_one_machine(cluster: None, tmp_path: Path) -> None:
    films = all_kinds(tmp_path / "films")
    here, there = Library(tmp_path / "l", FakeEncoder()), Library(tmp_path / "r", FakeEncoder())
    seen: list[Progress] = []
    reports = here.add(films), there.add(films, engine="ray", progress=seen.append)
    for name in ("found", "encoded", "duplicates", "moments", "missing", "seconds"):
        assert getattr(reports[0], name) == getattr(reports[1], name), name
    assert sorted(map(repr, reports[0].bad)) == sorted(map(repr, reports[1].bad))
    assert sorted(map(repr, reports[0].partial)) == sorted(map(repr, reports[1].partial))
    assert len(reports[1].bad) >= 3 and reports[1].moments >= 8
    assert {Path(one.path).name for one in reports[1].partial} == {"half.mkv"}
    assert rows(here) == rows(there)
    assert there.verify() == []
    assert seen[-1].done == reports[1].found and seen[-1].share == 1
    again = there.add(films, engine="ray")
    assert again.encoded == 0 and again.unchanged == again.found


@pytest.mark.slow
def test_a_file_that_crashes_its_decoder_costs_itself_only(
    cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_module, "Prepare", Crashing)
    folder = tmp_path / "films"
    for number in range(4):
        film(folder / f"{number}.mp4", colour=number)
    film(folder / "crash.mp4", colour=4)
    here, there = Library(tmp_path / "l", FakeEncoder()), Library(tmp_path / "r", FakeEncoder())
    reports = here.add(folder), there.add(folder, engine="ray")
    for report in reports:
        assert (report.encoded, report.found) == (4, 5)
        assert [Path(one.path).name for one in report.bad] == ["crash.mp4"]
    assert reports[0].bad == reports[1].bad and "SIGSEGV" in reports[1].bad[0].reason
    assert rows(here) == rows(there)
    assert there.verify() == []
    assert there.add(folder, engine="ray").unchanged == 5, "not tried again until it changes"


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_its_tasks_only(cluster: None, tmp_path: Path) -> None:
    import psutil

    folder = tmp_path / "films"
    for number in range(24):
        film(folder / f"{number:02d}.mp4", colour=number, seconds=13, rate=3)
    here, there = Library(tmp_path / "l", FakeEncoder()), Library(tmp_path / "r", FakeEncoder())
    here.add(folder)
    killed: dict[str, int] = {}
    ended = threading.Event()

    def kill() -> None:
        """One worker of each stage, while it is at work."""
        while not ended.wait(0.02):
            for process in psutil.process_iter(["pid", "name", "cmdline"]):
                title = " ".join(process.info["cmdline"] or [])
                for stage in ("Decode", "Encode", "Write"):
                    if "ray::" in title and stage in title and stage not in killed:
                        killed[stage] = process.pid
                        os.kill(process.pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        report = there.add(folder, engine="ray")
    finally:
        ended.set()
        thread.join()
    assert {"Decode", "Encode"} <= set(killed), killed
    assert report.encoded == 24 and report.bad == []
    assert rows(here) == rows(there)
    assert there.verify() == []


@pytest.mark.slow
def test_interrupted_it_keeps_what_is_finished_and_goes_on(
    cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_ray, "ROWS", 4)
    folder = tmp_path / "films"
    for number in range(24):
        film(folder / f"{number:02d}.mp4", colour=number, seconds=13, rate=3)
    library = Library(tmp_path / "r", FakeEncoder())
    asked = threading.Event()

    def stop(now: Progress) -> None:
        if now.done >= 2 and not asked.is_set():
            asked.set()
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted) as interrupted:
        library.add(folder, engine="ray", progress=stop)
    kept = interrupted.value.report.encoded
    assert 2 <= kept < 24
    assert library.verify() == []
    report = library.add(folder, engine="ray")
    assert (report.unchanged, report.encoded) == (kept, 24 - kept)
    assert library.verify() == [] and len(library.search("x", 99, merge=False, fold=False)) == 48


def test_no_cluster_at_that_address_is_told(tmp_path: Path, films: Path) -> None:
    if ray.is_initialized():
        ray.shutdown()
    began = time.monotonic()
    with pytest.raises(LibraryError, match="no Ray cluster answers at"):
        Library(tmp_path / "r", FakeEncoder()).add(films, engine="ray", address="127.0.0.1:9")
    assert time.monotonic() - began < 60
