"""Jobs and their routes, with little programs in the place of the one that indexes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from little_server import Little
from starlette.testclient import TestClient

from fdaclip.cli.serve import listen
from fdaclip.library import AddReport, Failure, Progress
from fdaclip.serve import jobs, told
from fdaclip.serve.ids import video_id
from fdaclip.serve.limits import Limits
from fdaclip.serve.order import Said
from fdaclip.serve.routes import jobs as routes

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")
API = "/api/v1/jobs"

BEGIN = "import json, os, sys, time\norder = json.loads(sys.stdin.buffer.readline())\n"
HOLD = BEGIN + "sys.stdin.buffer.read()\n"  # until it is told to stop
ECHO = BEGIN + "print(json.dumps({'error': {'code': 'x', 'hint': '', 'message': str(order)}}))"
DEAF = "import time\nwhile True: time.sleep(1)"


def say(**said: Any) -> str:
    """Code that says it."""
    return f"print({Said(**said).model_dump_json()!r}, flush=True)\n"


def wait(gate: Path) -> str:
    """Code that waits for this file."""
    return f"while not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"


def progress(done: int, current: str = "/films/a.mp4") -> str:
    now = Progress(4, done, 0, done / 4, 2.0 * done, 1.0 + done, current)
    return say(progress=told.progress(now))


def report(interrupted: bool = False, **facts: Any) -> str:
    done = AddReport(interrupted=interrupted, **facts)
    return say(report=told.report(done), interrupted=interrupted)


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def make(body: str) -> None:
        monkeypatch.setattr(jobs, "COMMAND", [sys.executable, "-S", "-c", body])

    return make


@pytest.fixture
def client(little: Little, program: Callable[[str], None]) -> Iterator[TestClient]:
    program("raise SystemExit('no program was given')")
    with little.client() as client:
        yield client


def begin(client: Any, base: str = "", **asked: Any) -> str:
    body = json.dumps(asked or {"retry": True})
    answer = client.post(base + API, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 202, answer.text
    found = answer.json()
    assert answer.headers["location"] == f"{API}/{found['id']}"
    return str(found["id"])


def job(client: Any, name: str, base: str = "") -> Any:
    answer = client.get(f"{base}{API}/{name}")
    assert answer.status_code == 200
    return answer.json()


def until(client: Any, name: str, ready: Callable[[Any], bool]) -> Any:
    end = time.monotonic() + 20
    while not ready(found := job(client, name)):
        assert time.monotonic() < end and found["ended"] is None, found
        time.sleep(0.01)
    return found


def over(client: Any, name: str) -> Any:
    return until(client, name, lambda one: one["ended"] is not None)


def run(client: Any, **asked: Any) -> Any:
    return over(client, begin(client, **asked))


def events(text: str) -> list[tuple[str, Any]]:
    found = []
    for part in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in part.splitlines() if line)
        if "event" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


# --- what the process says is what is told -------------------------------------------------------


def test_a_job_from_its_beginning_to_its_end(
    client: TestClient, little: Little, program: Callable[[str], None], tmp_path: Path
) -> None:
    bad = Failure(os.fsdecode(b"/films/\xff.mp4"), "empty")
    program(
        BEGIN
        + progress(1)
        + wait(tmp_path / "on")
        + progress(4, "")
        + report(found=4, encoded=3, moments=6, seconds=9.0, elapsed=2.0, bad=[bad])
    )
    name = begin(client, paths=[str(little.films)])
    assert client.get("/api/v1/health").json()["indexing"] is True
    assert client.get(API).json()["running"] == name
    assert "fdaclip_indexing 1.0" in client.get("/metrics").text
    under_way = until(client, name, lambda one: one["progress"])
    assert (under_way["progress"]["current"], under_way["progress"]["left"]) == ("/films/a.mp4", 6)
    assert under_way["progress"]["rate"] == 1.0
    (tmp_path / "on").touch()
    followed = events(client.get(f"{API}/{name}/events").text)
    assert [event for event, _ in followed] == ["progress"] * (len(followed) - 1) + ["end"]
    done = job(client, name)
    assert followed[-1][1] == done
    assert (done["state"], done["error"], done["retry"]) == ("done", None, False)
    assert done["began"] <= done["ended"] <= time.time()
    assert done["paths"] == [str(little.films)]
    assert done["progress"]["share"] == 1 and done["progress"]["current"] == ""
    assert done["report"]["bad"] == [
        {"video": video_id("/films/%FF.mp4"), "path": "/films/\\xff.mp4", "reason": "empty"}
    ]
    assert done["report"]["summary"] == (
        "3 videos indexed (6 moments, 0:09 of video in 2 s, 4.5× real time), 1 bad"
    )
    assert client.get("/api/v1/health").json()["indexing"] is False
    assert client.get(API).json() == {"jobs": [done], "running": None}
    metrics = client.get("/metrics").text
    assert 'fdaclip_jobs_total{state="done"} 1.0' in metrics and "fdaclip_indexing 0.0" in metrics


def test_what_is_ordered(
    client: TestClient,
    little: Little,
    program: Callable[[str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program(ECHO)
    monkeypatch.setenv("HOME", str(little.films))
    catalogue = client.get("/api/v1/videos").json()["videos"]
    odd = next(video for video in catalogue if "%" in video["name"])

    def ordered(**asked: Any) -> Any:
        return run(client, **asked)["error"]["message"]

    def order(paths: list[str], retry: bool = False) -> str:
        return str({"library": str(little.library), "paths": paths, "retry": retry})

    films = str(little.films)
    assert ordered(paths=[films, films + "/sub/../a.mp4"]) == order([films, films + "/a.mp4"])
    assert ordered(paths=["~/sub"]) == order([films + "/sub"])
    assert ordered(videos=[odd["id"]], retry=True) == order([odd["path"]], True)
    assert ordered(retry=True) == order([], True)
    whole = [films] * 100
    bytes_ = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")  # no UTF-8, as JSON may have it
    Path(bytes_).mkdir()
    assert ordered(paths=[bytes_]) == order([bytes_])
    assert ordered(paths=whole, videos=[odd["id"]] * 1000) == order(whole + [odd["path"]] * 1000)


def test_only_one_at_a_time(
    client: TestClient, little: Little, program: Callable[[str], None]
) -> None:
    program(HOLD + report(interrupted=True, found=1))
    name = begin(client)
    answer = client.post(API, json={"paths": [str(little.films)]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "indexing")
    client.delete(f"{API}/{name}")
    over(client, name)
    program(report())
    assert run(client)["state"] == "done"


@pytest.mark.parametrize("when", ["before it listens", "at work"])
def test_it_is_stopped(client: TestClient, program: Callable[[str], None], when: str) -> None:
    late = "import time; time.sleep(0.3)\n" if when == "before it listens" else ""
    program(late + BEGIN + progress(1) + HOLD[len(BEGIN) :] + report(interrupted=True, encoded=1))
    name = begin(client)
    if not late:
        until(client, name, lambda one: one["progress"])
    answer = client.delete(f"{API}/{name}")
    assert (answer.status_code, answer.json()["state"]) == (202, "stopping")
    client.delete(f"{API}/{name}")
    stopped = over(client, name)
    assert (stopped["state"], stopped["report"]["encoded"]) == ("cancelled", 1)
    assert client.delete(f"{API}/{name}").json() == stopped
    assert 'fdaclip_jobs_total{state="cancelled"} 1.0' in client.get("/metrics").text


def test_what_was_done_all_the_same_is_done(
    client: TestClient, program: Callable[[str], None]
) -> None:
    program(HOLD + report(encoded=1))
    name = begin(client)
    client.delete(f"{API}/{name}")
    assert over(client, name)["state"] == "done"


def test_what_does_not_end_is_killed(
    client: TestClient, program: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "PATIENCE", 0.3)
    program(DEAF)
    name = begin(client)
    client.delete(f"{API}/{name}")
    began = time.monotonic()
    ended = over(client, name)
    assert 0.2 < time.monotonic() - began < 10
    assert (ended["state"], ended["report"], ended["error"]) == ("cancelled", None, None)
    program(report(encoded=1) + DEAF)
    assert run(client)["state"] == "done"


def test_a_killed_process_is_told(client: TestClient, program: Callable[[str], None]) -> None:
    program(BEGIN + progress(1) + DEAF)
    name = begin(client)
    until(client, name, lambda one: one["progress"])
    os.kill(client.app.service.jobs.running._process.pid, signal.SIGKILL)  # type: ignore[attr-defined]
    failed = over(client, name)
    assert (failed["state"], failed["report"], failed["error"]["code"]) == ("failed", None, "died")
    assert "was killed by SIGKILL" in failed["error"]["message"]
    assert "index the same again" in failed["error"]["hint"]
    assert failed["progress"]["done"] == 1
    assert 'fdaclip_jobs_total{state="failed"} 1.0' in client.get("/metrics").text


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("raise SystemExit(3)", 3),
        ("print('no json'); print('[1]'); print('\\xff')", 0),
        ("print('{\"progress\": {\"files\"', end='')", 0),
        ("import os; os.close(0); os.close(1); os._exit(0)", 0),
    ],
)
def test_a_process_that_says_nothing_sensible(
    client: TestClient, little: Little, program: Callable[[str], None], body: str, code: int
) -> None:
    program(body)
    ended = run(client, paths=[str(little.films)] * 100, videos=[])
    assert (ended["state"], ended["report"]) == ("failed", None)
    assert f"ended with exit code {code}" in ended["error"]["message"]


def test_no_process_can_be_started(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "COMMAND", ["/nowhere/python"])
    answer = client.post(API, json={"retry": True})
    assert answer.status_code == 503 and "no such file" in answer.json()["error"]["message"]
    assert client.get(API).json() == {"jobs": [], "running": None}


def test_the_last_jobs_are_remembered(
    client: TestClient, program: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "KEPT", 2)
    program(report())
    done = [run(client)["id"] for _ in range(3)]
    assert [one["id"] for one in client.get(API).json()["jobs"]] == done[:0:-1]
    assert client.get(f"{API}/{done[0]}").status_code == 404


# --- who may, and what ---------------------------------------------------------------------------


def test_a_read_only_server_adds_nothing(little: Little) -> None:
    client = little.client(read_only=True)
    for asked in ({"paths": [str(little.films)]}, {"retry": True}):
        answer = client.post(API, json=asked)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "read_only")
    assert client.get(API).json() == {"jobs": [], "running": None}
    assert {"get", "post"} <= set(client.get("/api/v1/openapi.json").json()["paths"][API])


def test_who_does_not_know_the_token_adds_nothing(little: Little) -> None:
    client = little.client(token="a long secret")
    for method, path in (
        ("POST", API),
        ("GET", API),
        ("DELETE", f"{API}/{'0' * 16}"),
        ("GET", f"{API}/{'0' * 16}/events"),
    ):
        assert client.request(method, path, json={"retry": True}).status_code == 401
    foreign = {"origin": "http://evil.example"}
    assert little.client().post(API, json={"retry": True}, headers=foreign).status_code == 403
    assert not client.app.service.jobs.told().jobs  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def anybody(little: Little) -> TestClient:
    """Of a server that may be added to."""
    return little.client()


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({}, 422, "nothing_asked"),
        ({"retry": False}, 422, "nothing_asked"),
        ({"paths": []}, 422, "nothing_asked"),
        ({"paths": [""]}, 422, "not_absolute"),
        ({"paths": ["films"]}, 422, "not_absolute"),
        ({"paths": ["../films"]}, 422, "not_absolute"),
        ({"paths": ["~nobody-of-that-name/films"]}, 422, "not_absolute"),
        ({"paths": ["s3://bucket/films"]}, 422, "not_absolute"),
        ({"paths": ["/etc\0/passwd"]}, 422, "not_absolute"),
        ({"paths": ["/nowhere/at/all"]}, 404, "no_such_path"),
        ({"paths": ["/tmp/*"]}, 404, "no_such_path"),
        ({"paths": ["/" + "x" * 100_000]}, 404, "no_such_path"),
        ({"paths": ["/", "/nowhere"]}, 404, "no_such_path"),
        ({"paths": ["/\ud800"]}, 404, "no_such_path"),
        ({"paths": ["/"] * 101}, 422, "not_valid"),
        ({"paths": "/"}, 422, "not_valid"),
        ({"paths": [1]}, 422, "not_valid"),
        ({"paths": [None]}, 422, "not_valid"),
        ({"videos": ["0" * 16]}, 404, "no_such_video"),
        ({"videos": ["/etc/passwd"]}, 404, "no_such_video"),
        ({"videos": ["0" * 16] * 1001}, 422, "not_valid"),
        ({"retry": "perhaps"}, 422, "not_valid"),
        ([], 422, "not_valid"),
        (None, 422, "not_valid"),
    ],
)
def test_odd_orders_are_refused(anybody: TestClient, asked: Any, status: int, code: str) -> None:
    body = json.dumps(asked)
    answer = anybody.post(API, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["code"] == code
    assert len(answer.content) < 2000
    assert anybody.get(API).json() == {"jobs": [], "running": None}


def test_what_is_no_video_is_not_sent_for_having_been_indexed(little: Little) -> None:
    client = little.client()
    (bad,) = client.get("/api/v1/videos", params={"state": "bad"}).json()["videos"]
    for headers in ({}, {"range": "bytes=0-3"}):
        answer = client.get(bad["media"], headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "bad")
        assert b"no film at all" not in answer.content
    assert client.get(f"/api/v1/videos/{bad['id']}/thumbnail.jpg").status_code == 404
    assert client.get(bad["media"][: -len("media")] + "clip.mp4?start=0&end=1").status_code >= 400


def test_a_job_that_is_not_known(little: Little) -> None:
    client = little.client()
    for method, end in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
        answer = client.request(method, f"{API}/{'0' * 16}{end}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_such_job")
        assert client.request(method, f"{API}/..%2f..{end}").status_code in (404, 405, 422)


# --- following, and the end of the server --------------------------------------------------------


@contextmanager
def serving(little: Little, **how: Any) -> Iterator[tuple[Any, str]]:
    """A real server in a thread: its service and address."""
    app = little.app(**how)
    listening = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield app.service, f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(60)


def nobody(desk: Any) -> None:
    end = time.monotonic() + 5
    while desk.present:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_several_follow_and_none_waits_for_another(
    little: Little, program: Callable[[str], None], tmp_path: Path
) -> None:
    many = "".join(progress(n) + "time.sleep(0.05)\n" for n in (1, 2, 3)) * 5
    program(BEGIN + wait(tmp_path / "on") + many + progress(4) + report(encoded=4))
    with serving(little) as (service, address):
        name = begin(httpx2, address)
        found: list[list[tuple[str, Any]]] = []
        connected = threading.Barrier(4)

        def follow() -> None:
            with httpx2.stream("GET", f"{address}{API}/{name}/events", timeout=20) as answer:
                assert answer.headers["content-type"].startswith("text/event-stream")
                assert answer.headers["cache-control"] == "no-store"
                parts = answer.iter_text()
                first = next(parts)
                connected.wait(20)
                found.append(events(first + "".join(parts)))

        following = [threading.Thread(target=follow) for _ in range(3)]
        with httpx2.stream("GET", f"{address}{API}/{name}/events") as idle:  # reads nothing
            assert idle.status_code == 200
            for thread in following:
                thread.start()
            connected.wait(20)
            began = time.monotonic()
            (tmp_path / "on").touch()
            for thread in following:
                thread.join(20)
            took = time.monotonic() - began
        assert len(found) == 3
        for one in found:
            assert one[0] == ("progress", one[0][1]) and one[0][1]["progress"] is None
            assert one[-1][0] == "end" and one[-1][1]["state"] == "done"
            assert one[-1][1]["progress"]["done"] == 4
            assert 3 <= len(one) <= 4 * took + 3  # at most four a second
        late = events(httpx2.get(f"{address}{API}/{name}/events").text)
        assert [event for event, _ in late] == ["end"]
        nobody(service.followers)


def test_a_word_now_and_then_where_nothing_changes(
    client: TestClient, program: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "QUIET", 0.3)
    program(HOLD)
    service = client.app.service  # type: ignore[attr-defined]
    running = service.jobs.get(begin(client))

    async def listened() -> list[str]:
        following = routes.followed(running, service)
        return [await anext(following) for _ in range(3)]

    began = time.monotonic()
    first, *others = asyncio.run(listened())
    assert first.startswith("event: progress\ndata: {")
    assert others == [": here\n\n"] * 2 and time.monotonic() - began > 0.6


def test_who_leaves_gives_the_place_back(little: Little, program: Callable[[str], None]) -> None:
    program(HOLD)
    with serving(little, limits=Limits(followers=1)) as (service, address):
        name = begin(httpx2, address)
        for _ in range(2):
            with httpx2.stream("GET", f"{address}{API}/{name}/events") as one:
                parts = one.iter_text()
                assert next(parts).startswith("event: progress")
                assert httpx2.get(f"{address}{API}/{name}/events").status_code == 503
            nobody(service.followers)


def test_the_end_of_the_server_stops_the_job_and_waits(
    little: Little, program: Callable[[str], None]
) -> None:
    program(BEGIN + progress(1) + HOLD[len(BEGIN) :] + "time.sleep(1)\n" + report(True, encoded=1))
    with serving(little) as (service, address):
        name = begin(httpx2, address)
        with httpx2.stream("GET", f"{address}{API}/{name}/events") as one:
            parts = one.iter_text()
            next(parts)
            service.close()  # as at SIGTERM
            assert all("event: end" not in part for part in parts)  # it is not over, and it ends
        assert service.jobs.get(name).told.state == "stopping"
        assert httpx2.post(address + API, json={"retry": True}).status_code == 503
    told = service.jobs.get(name).told
    assert told.state == "cancelled" and told.report.encoded == 1
