"""Moments that are sent as files: what comes, what is told, what is left behind: nothing."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import pytest
from little_server import HERE, Little, made
from starlette.testclient import TestClient
from starlette.types import Message

from fdaclip.library.export import Cuts
from fdaclip.serve import exports
from fdaclip.serve.exports import disposition, plain, unique
from fdaclip.serve.limits import Limits
from fdaclip.serve.load import LOWER
from fdaclip.serve.routes import export as route
from fdaclip.video import open_video

API = "/api/v1"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files lie; nothing may be left there."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(scope="module")
def client(little: Little) -> TestClient:
    return little.client()


def moments(client: Any) -> dict[str, str]:
    """A moment of each film, by name."""
    hits = client.get(f"{API}/search", params={"q": "x", "group": "video"}).json()["hits"]
    return {hit["name"]: hit["id"] for hit in hits}


def export(client: Any, ids: list[str], how: str = "lossless") -> Any:
    """The answer; of a kind that is described."""
    answer = client.post(f"{API}/export", json={"moments": ids, "how": how})
    if answer.status_code == 200:
        kind = answer.headers["content-type"].partition(";")[0]
        assert {kind, f"{kind.partition('/')[0]}/*"} & set(route.FILES[200]["content"]), kind
    return answer


def refused(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def zipped(answer: Any) -> ZipFile:
    assert answer.headers["content-type"] == "application/zip", answer.text
    packed = ZipFile(io.BytesIO(answer.content))
    assert packed.testzip() is None
    return packed


# --- what comes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["lossless", "exact"])
def test_one_moment_is_one_file(client: TestClient, folder: Path, tmp_path: Path, how: str) -> None:
    moment = moments(client)["a.mp4"]
    answer = export(client, [moment], how)
    start, end = (int(part) / 1000 for part in moment.split("-")[1:])
    assert answer.headers["content-type"] == "video/mp4"
    name = f"a@{start:g}-{end:g}.mp4"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert int(answer.headers["content-length"]) == len(answer.content)
    (tmp_path / "a.mp4").write_bytes(answer.content)
    with open_video(tmp_path / "a.mp4") as video:
        assert video.duration >= end - start - 0.1
    assert not list(folder.iterdir())


def test_several_come_in_a_zip(client: TestClient, folder: Path, tmp_path: Path) -> None:
    ids = list(moments(client).values())
    answer = export(client, [*ids, ids[0]])  # twice is once
    assert answer.headers["content-disposition"] == 'attachment; filename="moments.zip"'
    packed = zipped(answer)
    assert len(packed.infolist()) == len(ids) == 3
    assert any(name.startswith("c d%é@") for name in packed.namelist())
    for info in packed.infolist():
        assert info.compress_type == ZIP_STORED
        with open_video(packed.extract(info, tmp_path)) as video:
            assert video.duration > 0.5
    assert not list(folder.iterdir())


def test_lists(client: TestClient, folder: Path, little: Little) -> None:
    found = moments(client)
    ids = [found["b.mp4"], found["a.mp4"]]
    read = json.loads(export(client, ids, "json").content)
    assert [one["id"] for one in read] == ids
    assert read[1]["path"] == str(little.films / "a.mp4")
    answer = export(client, ids, "csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="moments.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["id"], row["path"]) for row in rows] == [(r["id"], r["path"]) for r in read]
    assert {"score", "confidence"} & set(rows[0]) == set()  # nothing was asked
    assert export(client, ids, "edl").text.count("FROM CLIP NAME") == 2
    assert b"<fcpxml" in export(client, ids, "fcpxml").content
    assert not list(folder.iterdir())


def test_a_list_needs_no_place_where_videos_are_cut(little: Little, folder: Path) -> None:
    app = little.app()
    app.service.exports._most = app.service.heavy._most = 0
    client = TestClient(app, base_url=HERE)
    ids = list(moments(client).values())
    assert export(client, ids, "csv").status_code == 200
    for how in ("lossless", "edl"):
        answer = export(client, ids, how)
        assert refused(answer) == (503, "busy") and answer.headers["retry-after"]


# --- what cannot be cut --------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Little:
    """A library that may be changed."""
    return made(tmp_path / "own")


def test_what_can_be_cut_is_and_the_rest_is_told(
    own: Little, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = own.client()
    found = moments(client)
    secret = own.secret.read_bytes()
    (own.films / "a.mp4").unlink()
    (own.films / "a.mp4").symlink_to(own.secret)
    (own.films / "sub" / "c d%é.mp4").unlink()
    stranger = "0123456789abcdef-0-1000"
    answer = export(client, [*found.values(), stranger])
    packed = zipped(answer)
    cut, told = sorted(packed.namelist())
    assert cut.startswith("b@") and told == "not-cut.txt"
    lines = packed.read(told).decode().splitlines()
    assert len(lines) == 3
    assert f"{stranger}: the library knows no such video" in lines
    assert any(
        "/a.mp4 " in line and line.endswith("has changed since it was indexed") for line in lines
    )
    assert any("c d%é.mp4 " in line and "is not there" in line for line in lines)
    assert secret not in answer.content
    listed = zipped(export(client, list(found.values()), "edl"))  # an editor must not miss it
    assert listed.namelist() == ["moments.edl", "not-cut.txt"]
    assert listed.read("moments.edl").count(b"FROM CLIP NAME") == 1
    answer = export(client, [found["a.mp4"], found["c d%é.mp4"]])
    assert refused(answer) == (409, "not_cut")
    assert "has changed since" in answer.json()["error"]["message"]
    assert "is not there" in answer.json()["error"]["message"]
    assert refused(export(client, [found["a.mp4"]], "fcpxml")) == (409, "not_cut")
    assert len(json.loads(export(client, list(found.values()), "json").content)) == 3
    assert not list(folder.iterdir())


def test_a_disk_that_is_away_is_told(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "whereabouts", lambda path, mount: "offline")
    answer = export(client, [moments(client)["a.mp4"]])
    assert refused(answer) == (409, "not_cut")
    assert "its disk is not there" in answer.json()["error"]["message"]


def test_a_file_that_was_swapped_while_it_was_cut_is_not_sent(
    own: Little, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = own.client()
    real = exports.cut_all

    def swapping(*args: Any, **how: Any) -> Any:
        cuts = real(*args, **how)
        os.utime(own.films / "a.mp4", (1, 1))
        return cuts

    monkeypatch.setattr(exports, "cut_all", swapping)
    answer = export(client, [moments(client)["a.mp4"]])
    assert refused(answer) == (409, "not_cut")
    assert not list(folder.iterdir())


def test_what_is_damaged_within_is_told(own: Little, folder: Path) -> None:
    client = own.client()
    moment = moments(client)["a.mp4"]
    path = own.films / "a.mp4"
    facts = path.stat()
    path.write_bytes(b"\0" * facts.st_size)  # forged: size and time are as they were
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    answer = export(client, [moment])
    assert refused(answer) == (409, "not_cut")
    assert str(folder) not in answer.text


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"moments": ["0123456789abcdef-0-1000", "x"]}, 404, "no_such_moment"),
        ({"moments": []}, 422, "not_valid"),
        ({"moments": ["x"] * 201}, 422, "not_valid"),
        ({"moments": ["x"], "how": "avi"}, 422, "not_valid"),
        ({}, 422, "not_valid"),
    ],
)
def test_what_is_wrong_is_refused(
    client: TestClient, asked: dict[str, Any], status: int, code: str
) -> None:
    assert refused(client.post(f"{API}/export", json=asked)) == (status, code)


# --- bounds --------------------------------------------------------------------------------------


def test_too_much_is_refused(little: Little, folder: Path) -> None:
    few = little.client(limits=Limits(export_seconds=0.5))
    ids = list(moments(few).values())
    assert refused(export(few, ids)) == (413, "too_large")
    assert export(few, ids, "csv").status_code == 200
    small = little.client(limits=Limits(export=-1))
    assert refused(export(small, ids)) == (413, "too_large")
    assert not list(folder.iterdir())


def test_it_stops_while_it_grows(
    little: Little, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "EVERY", 0.0)
    client = little.client(limits=Limits(export=100))
    answer = export(client, list(moments(client).values()))
    assert refused(answer) == (413, "too_large")
    assert not list(folder.iterdir())


def test_the_disk_is_not_filled(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "SPARE", 1 << 62)
    answer = export(client, list(moments(client).values()))
    assert refused(answer) == (507, "disk_full")
    assert not list(folder.iterdir())


def test_a_disk_that_takes_nothing_is_told(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **how: Any) -> None:
        raise exports.CannotExport("cannot write to X") from OSError(28, "no space left")

    monkeypatch.setattr(exports, "cut_all", full)
    monkeypatch.setattr(exports, "write_list", full)
    for how in ("lossless", "csv"):
        answer = export(client, list(moments(client).values()), how)
        assert refused(answer) == (507, "cannot_write")
        assert "X" not in answer.text  # where temporary files lie is nobody's business
    assert not list(folder.iterdir())


@pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere a thread's niceness is its process's"
)
def test_those_who_search_go_first(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []

    def cut_all(*args: Any, **how: Any) -> Cuts:
        asked = [sys.executable, "-c", "import os; print(os.nice(0))"]
        told.append(int(subprocess.run(asked, capture_output=True, text=True).stdout))
        return Cuts()

    monkeypatch.setattr(exports, "cut_all", cut_all)
    before = os.nice(0)
    export(client, [moments(client)["a.mp4"]])
    assert told == [before + LOWER] and os.nice(0) == before


# --- nothing is left behind ----------------------------------------------------------------------


def asked_of(
    app: Any,
    ids: list[str],
    receive: Callable[[], Any],
    send: Callable[[Message], Any],
    how: str = "lossless",
) -> Any:
    """A request to the application itself: what it is sent and sends is ours to fail."""
    body = json.dumps({"moments": ids, "how": how}).encode()
    first = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return first.pop() if first else await receive()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "path": f"{API}/export",
        "raw_path": f"{API}/export".encode(),
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:8000"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "scheme": "http",
        "root_path": "",
    }
    return app(scope, received, send)


def at_rest(app: Any) -> bool:
    service = app.service
    return not any(desk.present for desk in (service.exports, service.heavy, service.streams))


def test_who_leaves_while_it_is_sent_leaves_nothing(little: Little, folder: Path) -> None:
    app = little.app()
    ids = list(moments(TestClient(app, base_url=HERE)).values())

    async def leave() -> int:
        begun = asyncio.Event()

        async def receive() -> Message:
            await begun.wait()
            return {"type": "http.disconnect"}

        there = 0

        async def send(message: Message) -> None:
            nonlocal there
            if message["type"] == "http.response.body":
                there = len(list(folder.iterdir()))
                begun.set()
                await asyncio.sleep(30)  # it takes no more

        await asked_of(app, ids, receive, send, "csv")
        return there

    began = time.monotonic()
    assert asyncio.run(leave()) == 1
    assert time.monotonic() - began < 20
    assert not list(folder.iterdir()) and at_rest(app)


def test_who_leaves_while_it_is_cut_stops_it(
    little: Little, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = little.app()
    ids = list(moments(TestClient(app, base_url=HERE)).values())
    stopped = []

    def slow(wanted: Any, place: Path, *, progress: Any, **how: Any) -> Any:
        (place / "half").write_bytes(b"half")
        try:
            for _ in range(2000):
                time.sleep(0.01)
                progress(0.5, 3)
        except exports.Refused as refused:
            stopped.append(refused.code)
            raise

    monkeypatch.setattr(exports, "cut_all", slow)
    sent = []

    async def leave() -> None:
        async def receive() -> Message:
            while not any(folder.glob("*/half")):
                await asyncio.sleep(0.01)
            assert not at_rest(app)
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await asked_of(app, ids, receive, send)

    asyncio.run(leave())
    assert stopped == ["stopped"] and sent[0]["status"] == 503
    assert not list(folder.iterdir()) and at_rest(app)


def test_a_server_that_ends_stops_it(
    little: Little, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its patience over, the server cancels what is still at work."""
    app = little.app()
    ids = list(moments(TestClient(app, base_url=HERE)).values())
    stopped = []

    def slow(wanted: Any, place: Path, *, progress: Any, **how: Any) -> Any:
        (place / "half").write_bytes(b"half")
        try:
            for _ in range(2000):
                time.sleep(0.01)
                progress(0.5, 3)
        except exports.Refused as refused:
            stopped.append(refused.code)
            time.sleep(0.5)  # its processes take a while to end
            raise

    monkeypatch.setattr(exports, "cut_all", slow)

    async def end() -> None:
        async def receive() -> Message:
            await asyncio.sleep(60)
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            pass

        asking = asyncio.create_task(asked_of(app, ids, receive, send))
        while not any(folder.glob("*/half")):
            await asyncio.sleep(0.01)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        app.service.end()  # the process may be gone the moment after
        assert not list(folder.iterdir())

    asyncio.run(end())
    assert stopped == ["stopped"]
    assert not list(folder.iterdir()) and at_rest(app)


def test_a_server_about_to_end_says_so(
    little: Little, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "GRACE", 0.2)

    def slow(wanted: Any, place: Path, *, progress: Any, **how: Any) -> Any:
        app.service.close()
        for _ in range(2000):
            time.sleep(0.01)
            progress(0.5, 3)

    monkeypatch.setattr(exports, "cut_all", slow)
    app = little.app()
    with TestClient(app, base_url=HERE) as client:
        answer = export(client, [moments(client)["a.mp4"]])
    assert refused(answer) == (503, "stopped")
    assert not list(folder.iterdir())


def test_what_fails_leaves_nothing(
    little: Little, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: Any, **how: Any) -> None:
        raise RuntimeError("not foreseen")

    client = little.client(raises=False)
    ids = list(moments(client).values())
    with monkeypatch.context() as patch:
        patch.setattr(exports, "_zipped", fails)
        assert refused(export(client, ids)) == (500, "fault")
    with monkeypatch.context() as patch:
        patch.setattr(exports, "pieces", fails)
        assert refused(export(client, ids, "csv")) == (500, "fault")
    assert not list(folder.iterdir())
    app = client.app
    assert at_rest(app)

    async def broken() -> None:
        async def receive() -> Message:
            await asyncio.sleep(60)
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.body":
                raise OSError("the connection is broken")

        await asked_of(app, ids, receive, send, "csv")

    with pytest.raises((OSError, ExceptionGroup)):
        asyncio.run(broken())
    assert not list(folder.iterdir()) and at_rest(app)


def test_no_place_to_send_it_leaves_nothing(little: Little, folder: Path) -> None:
    client = little.client(limits=Limits(streams=0))
    ids = list(moments(client).values())
    assert refused(export(client, ids, "csv")) == (503, "busy")
    assert not list(folder.iterdir()) and at_rest(client.app)


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("a b@1-2.mp4", "a b@1-2.mp4"),
        ("ä%é.mp4", "ä%é.mp4"),
        (r"..\..\x.mp4", ".._.._x.mp4"),
        ('a"b;c:d.mp4', "a_b;c_d.mp4"),
        ("a\nb\x7f\u202ec.mp4", "a_b__c.mp4"),
        (os.fsdecode(b"a\xff.mp4"), "a_xff.mp4"),
    ],
)
def test_names_are_safe_anywhere(name: str, there: str) -> None:
    assert plain(name) == there


def test_names_in_a_zip_differ() -> None:
    given = ["a.mp4", "A.mp4", "a.mp4", "a (2).mp4", "b"]
    assert list(unique(given)) == ["a.mp4", "A (2).mp4", "a (3).mp4", "a (2) (2).mp4", "b"]


def test_how_a_name_is_told() -> None:
    assert disposition("a.mp4") == 'attachment; filename="a.mp4"'
    told = "attachment; filename=\"_ _.mp4\"; filename*=UTF-8''%C3%A9%20%25.mp4"
    assert disposition("é %.mp4") == told.replace('"_ _', '"_ %')
