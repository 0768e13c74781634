"""Indexing from a server with the process that does it, over a library of its own."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from little_server import Little
from starlette.testclient import TestClient
from tiny_films import FakeEncoder, film

from fdaclip.library import Library, LibraryBusy, Progress
from fdaclip.library.lock import writing
from fdaclip.library.names import to_key
from fdaclip.model.errors import ModelError
from fdaclip.serve import jobs, order
from fdaclip.serve.app import create_app
from fdaclip.serve.ids import video_id
from fdaclip.serve.order import Order, Said, Teller, carried_out

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")
PROGRAM = str(Path(__file__).with_name("ordered_little.py"))
API = "/api/v1/jobs"


@pytest.fixture
def own(tmp_path: Path, little: Little) -> Little:
    """A library of little films that may be changed."""
    for folder in ("films.fdaclip", "films"):
        shutil.copytree(little.library.parent / folder, tmp_path / folder)
    Library(tmp_path / "films.fdaclip", FakeEncoder()).remap(little.films, tmp_path / "films")
    return Little(tmp_path / "films.fdaclip", tmp_path / "films", little.secret)


# --- the order, in this process ------------------------------------------------------------------


@pytest.fixture
def carry_out(own: Little, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(order, "opened", lambda place: Library(place, FakeEncoder()))

    def do(*paths: str | Path, retry: bool = False) -> Said:
        given = [os.fspath(path) for path in paths]
        try:
            return carried_out(Order(library=str(own.library), paths=given, retry=retry), QUIET)
        finally:
            signal.signal(signal.SIGINT, before)

    return do


QUIET = Teller(io.StringIO())


def test_bad_files_are_tried_again(own: Little, carry_out: Callable[..., Said]) -> None:
    bad = own.films / "bad.mp4"
    known = carry_out(own.films).report
    assert known and (known.unchanged, known.encoded, known.bad) == (4, 0, [])
    again = carry_out(retry=True).report
    assert again and again.found == 1
    assert [fault.path for fault in again.bad] == [str(bad)]
    bad.unlink()
    film(bad, 40)
    mended = carry_out(retry=True).report
    assert mended and mended.encoded == 1
    nothing = carry_out(retry=True)
    assert nothing.report and nothing.report.found == 0 and not nothing.interrupted
    assert nothing.report.summary == "no videos found"


def test_a_name_that_is_no_utf8(own: Little, carry_out: Callable[..., Said]) -> None:
    odd = os.fsdecode(os.fsencode(own.films.parent) + b"/\xff %\n.mp4")
    Path(odd).write_bytes(b"x")
    done = carry_out(odd).report
    assert done
    (fault,) = done.bad
    assert fault.path == str(own.films.parent) + "/\\xff %\n.mp4"
    assert fault.video == video_id(to_key(odd))


def test_what_goes_wrong_is_told(
    own: Little, carry_out: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(own.library, "indexing"):
        busy = carry_out(own.films).error
    assert busy and f"written by process {os.getpid()}" in busy.message
    assert busy.hint.startswith("wait for it to finish")
    gone = carry_out("/nowhere").error
    assert gone and gone.message == "no such file or folder: /nowhere"

    def unknown(place: str) -> Library:
        raise ModelError("the model is damaged")

    monkeypatch.setattr(order, "opened", unknown)
    damaged = carry_out(own.films).error
    assert damaged and (damaged.message, damaged.hint) == ("the model is damaged", "")


def test_the_model_is_where_the_server_was_told_it_is(own: Little) -> None:
    assert order.opened(str(own.library)).stamp.model == "fake"
    create_app(Library(own.library, FakeEncoder(), model="/models/moved"))
    assert order.opened(str(own.library)).stamp.model == "/models/moved"


def test_interrupted_before_it_has_begun(
    own: Little, carry_out: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Library, "add", interrupted)
    said = carry_out(own.films)
    assert said.interrupted and said.report and said.report.found == 0


def test_stopped_in_the_instant_it_begins() -> None:
    """No traceback on the server's stderr, and an answer."""
    code = (
        "from fdaclip.serve import order\n"
        "def stopped(*_): raise KeyboardInterrupt\n"
        "order.carried_out = stopped\n"
        "order.main()\n"
    )
    told = json.dumps({"library": "/nowhere", "paths": ["/x"], "retry": False})
    done = subprocess.run(
        [sys.executable, "-c", code], input=told + "\n", capture_output=True, text=True
    )
    said = Said.model_validate_json(done.stdout.splitlines()[-1])
    assert said.interrupted and said.report and said.report.found == 0
    assert (done.returncode, done.stderr) == (0, "")


def test_progress_is_told_now_and_then_and_at_the_end(own: Little) -> None:
    stream = io.StringIO()
    teller = Teller(stream)
    library = Library(own.library, FakeEncoder())
    for number in range(3):
        film(own.films / f"n{number}.mp4", 20 + number)
    library.add(own.films, progress=teller.progress)
    teller.rest()
    told = [Said.model_validate_json(line).progress for line in stream.getvalue().splitlines()]
    shares = [one.share for one in told if one]
    assert shares == sorted(shares) and shares[-1] == 1
    assert own.films in {Path(one.current).parent for one in told if one}
    last = told[-1]
    assert last and (last.done, last.bad, last.current, last.left) == (7, 0, "", 0)
    assert last.rate and last.rate >= last.seconds / last.elapsed  # loading does not count


def test_it_goes_on_though_nobody_listens() -> None:
    reading, written = os.pipe()
    os.close(reading)
    stream = os.fdopen(written, "w")
    teller = Teller(stream)
    for done in (1, 2):
        teller.progress(Progress(2, done, 0, done / 2, 1.0, 1.0, ""))
        teller.rest()
    with suppress(BrokenPipeError):  # what it could not say is still in its buffer
        stream.close()


# --- the process, behind a server ----------------------------------------------------------------


def slowly(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """So long, s, for each second of film."""
    monkeypatch.setattr(jobs, "COMMAND", [sys.executable, PROGRAM, str(seconds)])


@pytest.fixture
def client(own: Little, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    slowly(monkeypatch, 0)
    with own.client() as client:
        yield client


def more(own: Little, count: int) -> Path:
    """A folder of so many new films, two seconds each."""
    folder = own.films.parent / "new"
    for number in range(count):
        film(folder / f"n{number}.mp4", 20 + number, seconds=2)
    return folder


def begin(client: TestClient, **asked: Any) -> str:
    answer = client.post(API, json=asked)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def until(client: TestClient, name: str, ready: Callable[[Any], bool]) -> Any:
    end = time.monotonic() + 60
    while not ready(found := client.get(f"{API}/{name}").json()):
        assert time.monotonic() < end and found["ended"] is None, found
        time.sleep(0.02)
    return found


def over(client: TestClient, name: str) -> Any:
    return until(client, name, lambda one: one["ended"] is not None)


def done(count: int) -> Callable[[Any], bool]:
    return lambda one: bool(one["progress"]) and one["progress"]["done"] >= count


def names(client: TestClient) -> set[str]:
    """Of the new files that are found."""
    hits = client.get("/api/v1/search", params={"q": "x", "limit": 200, "path": "n?.mp4"})
    return {hit["name"] for hit in hits.json()["hits"]}


def test_a_folder_is_indexed_and_found(own: Little, client: TestClient) -> None:
    new = more(own, 2)
    (new / "broken.mp4").write_bytes(b"nothing")
    before = client.get("/api/v1/library").json()
    client.get("/api/v1/health")
    name = begin(client, paths=[str(new)])
    assert client.post(API, json={"paths": [str(new)]}).status_code == 409
    followed = client.get(f"{API}/{name}/events").text  # to its end
    after = client.get("/api/v1/library").json()  # at once, as a page does
    ended = json.loads(followed.strip().rpartition("data: ")[2])
    assert (ended["state"], ended["error"]) == ("done", None)
    report = ended["report"]
    assert (report["found"], report["encoded"], report["moments"]) == (3, 2, 4)
    (bad,) = report["bad"]
    assert bad["path"] == str(new / "broken.mp4") and bad["reason"]
    assert client.get(f"/api/v1/videos/{bad['video']}").json()["state"] == "bad"
    assert after["files"] == before["files"] + 3
    assert after["moments"] == before["moments"] + 4
    assert str(new) in {folder["path"] for folder in after["folders"]}
    assert names(client) == {"n0.mp4", "n1.mp4"}


@pytest.mark.slow
def test_what_is_finished_is_found_while_it_goes_on(
    own: Little, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    slowly(monkeypatch, 1)
    before = client.get("/api/v1/library").json()["files"]
    new = more(own, 8)
    name = begin(client, paths=[str(new)])
    until(client, name, lambda _: bool(names(client)))
    until(client, name, lambda _: client.get("/api/v1/library").json()["files"] > before)
    client.delete(f"{API}/{name}")
    assert over(client, name)["state"] == "cancelled"


@pytest.mark.slow
def test_stopped_it_keeps_what_is_finished(
    own: Little, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    slowly(monkeypatch, 0.5)
    new = more(own, 10)
    name = begin(client, paths=[str(new)])
    until(client, name, done(2))
    client.delete(f"{API}/{name}")
    began = time.monotonic()
    stopped = over(client, name)
    assert time.monotonic() - began < 15
    assert (stopped["state"], stopped["error"]) == ("cancelled", None)
    kept = names(client)
    assert 2 <= len(kept) == stopped["report"]["encoded"] < 10
    assert not Library(own.library, FakeEncoder()).verify()
    slowly(monkeypatch, 0)
    rest = over(client, begin(client, paths=[str(new)]))
    assert rest["report"]["encoded"] == 10 - len(kept)


@pytest.mark.slow
def test_a_killed_process_harms_nothing(
    own: Little, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    slowly(monkeypatch, 0.5)
    new = more(own, 8)
    name = begin(client, paths=[str(new)])
    until(client, name, done(2))
    os.kill(client.app.service.jobs.running._process.pid, signal.SIGKILL)  # type: ignore[attr-defined]
    failed = over(client, name)
    assert failed["state"] == "failed" and "SIGKILL" in failed["error"]["message"]
    slowly(monkeypatch, 0)
    rest = over(client, begin(client, paths=[str(new)]))
    assert rest["state"] == "done" and len(names(client)) == 8
    assert not Library(own.library, FakeEncoder()).verify()


@pytest.mark.slow
@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_ends_takes_its_job_along(own: Little, way: signal.Signals) -> None:
    """In good order, even if it was killed: what was finished is written."""
    new = more(own, 10)
    script = Path(__file__).with_name("serving.py")
    paths = [str(script.parents[1] / "library"), str(script.parent)]
    server = subprocess.Popen(
        [sys.executable, str(script), str(own.library), PROGRAM, "0.5"],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        text=True,
    )
    try:
        assert server.stdout
        address = f"http://127.0.0.1:{int(server.stdout.readline())}"
        name = httpx2.post(address + API, json={"paths": [str(new)]}, timeout=30).json()["id"]
        end = time.monotonic() + 60
        while not done(2)(told := httpx2.get(f"{address}{API}/{name}").json()):
            assert time.monotonic() < end, told
            time.sleep(0.05)
        server.send_signal(way)
        server.wait(30)
        if way == signal.SIGTERM:
            with writing(own.library):  # it waited for the job
                pass
        while True:
            try:
                with writing(own.library):
                    break
            except LibraryBusy:
                assert time.monotonic() < end
                time.sleep(0.1)
    finally:
        server.kill()
        server.wait()
    library = Library(own.library, FakeEncoder())
    kept = [video for video in library.videos() if video.path.startswith(str(new))]
    assert 2 <= len(kept) < 10
    assert not library.verify()
