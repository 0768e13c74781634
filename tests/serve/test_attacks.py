"""Attacks on a whole server: what it must not tell, must not do, must not be brought down by."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from little_server import HERE, Little, made
from starlette.routing import Route
from starlette.testclient import TestClient
from tiny_films import FakeEncoder

from fdaclip.cli.serve import link, listen, own_names
from fdaclip.library import Library
from fdaclip.serve.ids import video_id
from fdaclip.serve.limits import Limits
from fdaclip.serve.routes import pages

TOKEN = "a long secret"
BEARER = {"authorization": f"Bearer {TOKEN}"}
SEARCH = "/api/v1/search?q=x"
CLOSE = "Host: 127.0.0.1\r\nConnection: close"


@pytest.fixture(scope="module")
def port(little: Little) -> Iterator[int]:
    """Of a real server; what it is sent reaches it as it is."""
    listening = listen("127.0.0.1", 0)
    config = uvicorn.Config(little.app(limits=Limits(body=1000)), log_level="error", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(10)


def raw(port: int, request: bytes, patience: float = 10) -> bytes:
    """What is answered to these bytes, until it hangs up or says nothing more for so long, s."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as connection:
        connection.sendall(request)
        with suppress(TimeoutError):
            while piece := connection.recv(1 << 16):
                got += piece
    return got


def get(port: int, target: str, *headers: str) -> tuple[int, bytes]:
    lines = [f"GET {target} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *headers, "", ""]
    answer = raw(port, "\r\n".join(lines).encode("utf-8", "surrogateescape"))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


# --- nothing but the library's files -------------------------------------------------------------


@pytest.mark.parametrize(
    "way",
    [
        "../secret.mp4",
        "..%2fsecret.mp4",
        "%2e%2e/%2e%2e/secret.mp4",
        "..%5csecret.mp4",
        "%252e%252e%252fsecret.mp4",
        "....//secret.mp4",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "index.html%00.js",
        "..;/secret.mp4",
        "%c0%ae%c0%ae/secret.mp4",
        "",
        ".",
        "..",
    ],
)
@pytest.mark.parametrize(
    "place",
    [
        "/page/{}",
        "/{}",
        "/api/v1/videos/{}/media",
        "/api/v1/videos/{}",
        "/api/v1/moments/{}/thumbnail.jpg",
        "/api/v1/moments/{}",
        "/api/v1/reports/{}",
    ],
)
def test_no_way_leads_out(port: int, place: str, way: str) -> None:
    if (place, way) in (("/{}", ""), ("/{}", ".")):
        return  # the page itself
    status, body = get(port, place.format(way))
    assert status in (400, 403, 404, 422), (status, body[:100])
    assert b"TOP SECRET" not in body and b"root:" not in body


def test_a_path_is_no_id(port: int, little: Little) -> None:
    for path in (little.secret, little.films / "a.mp4", little.library / "library.json"):
        for target in (str(path), str(path).replace("/", "%2f")):
            assert get(port, f"/api/v1/videos/{target}/media")[0] in (404, 422)
        # nor is the id that the path would have, if the library does not know it
        status, _ = get(port, f"/api/v1/videos/{video_id(str(path))}/media")
        assert status == (200 if path.parent == little.films else 404)


def test_what_was_put_in_a_files_place_is_not_sent(tmp_path: Path) -> None:
    own = made(tmp_path)
    client = own.client()
    film = own.films / "a.mp4"
    media = f"/api/v1/videos/{video_id(str(film))}/media"
    content = film.read_bytes()
    assert client.get(media).content == content
    film.unlink()
    film.symlink_to(own.secret)
    answer = client.get(media)
    assert answer.status_code == 409 and b"SECRET" not in answer.content
    film.unlink()
    film.write_bytes(b"x" * len(content))  # of the same size
    assert client.get(media).status_code == 409
    film.unlink()
    assert client.get(media).status_code == 404
    (own.films / "sub").rename(tmp_path / "elsewhere")  # a folder on the way becomes a link
    (tmp_path / "evil" / "sub").mkdir(parents=True)
    (tmp_path / "evil" / "sub" / "c d%é.mp4").write_bytes(own.secret.read_bytes())
    (own.films / "sub").symlink_to(tmp_path / "evil" / "sub")
    key = str(own.films / "sub" / "c d%25é.mp4")
    answer = client.get(f"/api/v1/videos/{video_id(key)}/media")
    assert answer.status_code == 409 and b"SECRET" not in answer.content


def test_a_file_that_the_library_forgot_is_not_sent(tmp_path: Path) -> None:
    own = made(tmp_path)
    client = own.client()
    media = f"/api/v1/videos/{video_id(str(own.films / 'a.mp4'))}/media"
    assert client.get(media).status_code == 200
    Library(own.library, FakeEncoder()).remove(own.films / "a.mp4")
    client.app.service._looked = -1.0  # type: ignore[attr-defined]  # half a second later
    assert client.get(media).status_code == 404


def test_no_link_in_the_page_is_followed(
    port: int, little: Little, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.js").symlink_to(little.secret)
    monkeypatch.setattr(pages, "PAGE", tmp_path)
    assert get(port, "/page/x.js")[0] == 404


# --- who may ask ---------------------------------------------------------------------------------


def routes(app: Any) -> list[tuple[str, str]]:
    """Method and path of everything that can be asked for."""
    described = TestClient(app, base_url=HERE, headers=BEARER).get("/api/v1/openapi.json").json()
    found = {(m.upper(), path) for path, methods in described["paths"].items() for m in methods}
    for route in pages.router.routes:
        assert isinstance(route, Route)
        found |= {(method, route.path) for method in route.methods or ()}
    found |= {("GET", "/metrics"), ("GET", "/api/v1/openapi.json"), ("GET", "/nothing")}
    assert {("GET", "/"), ("POST", "/api/v1/search")} <= found
    return sorted(found)


def test_nothing_is_answered_without_the_token(little: Little) -> None:
    client = little.client(token=TOKEN)
    for method, path in routes(client.app):
        status = client.request(method, path).status_code
        assert status == (401 if path != "/api/v1/health" else 200), (method, path)
    assert client.get(SEARCH, headers=BEARER).status_code == 200


def test_no_foreign_page_is_answered(little: Little) -> None:
    client = little.client()
    for method, path in routes(client.app):
        for headers in (
            {"origin": "http://evil.example"},
            {"host": "evil.example"},
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
        ):
            answer = client.request(method, path, headers=headers)
            assert answer.status_code in (403, 421), (method, path, headers)
            assert not any(name.startswith("access-control") for name in answer.headers)


def test_no_preflight_is_granted(little: Little) -> None:
    headers = {"origin": HERE, "access-control-request-method": "DELETE"}
    answer = little.client().options("/api/v1/search", headers=headers)
    assert answer.status_code == 405
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_every_answer_carries_the_headers(little: Little) -> None:
    client = little.client()
    for path in ("/", "/page/app.js", SEARCH, "/api/v1/search", "/nothing", "/api/v1/videos/x"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


def test_off_this_machine_there_is_a_token() -> None:
    assert link("192.168.1.5", 80, "t") == "http://192.168.1.5:80/?token=t"
    assert link("::1", 8000, "") == "http://[::1]:8000/"
    assert own_names("192.168.1.5") == ["192.168.1.5"]
    assert not {"0.0.0.0", "::"} & set(own_names("0.0.0.0"))


# --- errors tell nothing -------------------------------------------------------------------------


def test_a_fault_tells_nothing(little: Little, monkeypatch: pytest.MonkeyPatch) -> None:
    client = little.client(raises=False)

    def fault(asks: Any) -> Any:
        raise RuntimeError("password in /home/me/secret.py")

    monkeypatch.setattr(client.app.service.library, "search_many", fault)  # type: ignore[attr-defined]
    answer = client.get(SEARCH)
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "fault"
    assert not any(word in answer.text for word in ("password", "/home", "Traceback", "Runtime"))
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "bad_query"),
        ("q=", "bad_query"),
        ("q=%20", "bad_query"),
        ("without=x", "bad_query"),
        ("q=x&without=x", None),
        ("q=" + "x" * 1001, "not_valid"),
        ("q=x&limit=0", "not_valid"),
        ("q=x&limit=201", "not_valid"),
        ("q=x&limit=" + "9" * 5000, "not_valid"),
        ("q=x&longer=nan", "not_valid"),
        ("q=x&longer=inf", "not_valid"),
        ("q=x&longer=2&shorter=1", "bad_filter"),
        ("q=x&since=2024-13", "bad_filter"),
        ("q=x&since=0000", "bad_filter"),
        ("q=x&until=9999-12-31T23:59", None),
        ("q=x&motion=sideways", "not_valid"),
        ("q=x&folder=%00", "not_valid"),
        ("q=x&folder=~root/../..", None),
        ("q=x&path=[", None),
        ("q=x&like=1", "not_valid"),
        ("like=0123456789abcdef-0-1", "no_such_video"),
        ("like=0123456789abcdef-5-1", "no_such_moment"),
        ("q=x&after=x", "bad_token"),
        ("q=%ff%fe%ed%a0%80%00", None),
        ("q=x&q=y", None),
        ("q=x&resolution=1e400", "not_valid"),
    ],
)
def test_odd_questions_are_told_plainly(little: Little, query: str, code: str | None) -> None:
    answer = little.client().get(f"/api/v1/search?{query}")
    if code is None:
        assert answer.status_code in (200, 422), answer.text
    else:
        assert answer.status_code in (404, 422) and answer.json()["error"]["code"] == code
    assert set(answer.json()) == {"error"} or "hits" in answer.json()


@pytest.mark.parametrize(
    "forged",
    [
        '["{}", "nan", []]',
        '["{}", "0x1p99999", []]',
        '["{}", "0x1p0", [[Infinity, 0]]]',
        '["{}", "0x1p0", [[1e400, 0]]]',
        '["{}", "0x1p0", 5]',
        '["{}", 5, []]',
        '{{"{}": 1}}',
        "[" * 40_000,
        '["{}", "0x1p0", [[' + "9" * 5000 + ", 0]]]",
        "\ud800",
    ],
)
def test_a_forged_place_breaks_nothing(little: Little, forged: str) -> None:
    client = little.client()
    true = client.get(f"{SEARCH}&limit=1").json()["next"]
    owner = json.loads(base64.urlsafe_b64decode(true + "=" * (-len(true) % 4)))[0]
    data = forged.replace("{}", owner).encode("utf-8", "surrogatepass")
    token = base64.urlsafe_b64encode(data).decode().rstrip("=")
    answer = client.get(f"{SEARCH}&limit=1&after={token}")
    assert answer.status_code in (200, 422), answer.text


# --- floods --------------------------------------------------------------------------------------


def test_patterns_cost_no_more_than_names(little: Little) -> None:
    began = time.monotonic()
    client = little.client()
    for pattern in ("*a" * 200 + "b", "[!" * 500, "*" * 4000, "?" * 4000):
        assert client.get(SEARCH, params={"q": "x", "path": pattern}).status_code == 200
    assert time.monotonic() - began < 2


def test_a_form_has_no_end_of_parts(little: Little) -> None:
    client = little.client()
    many = {f"f{n}": "x" for n in range(300)}
    files = {"image": ("x.png", b"x")}
    assert client.post("/api/v1/search", data=many, files=files).status_code == 400
    ten = [("image", (f"{n}.png", b"x")) for n in range(10)]
    assert client.post("/api/v1/search", files=ten).status_code == 400
    assert client.post("/api/v1/search", json={"q": "x"}).status_code == 415
    headers = {"content-type": "multipart/form-data"}  # without a boundary
    assert client.post("/api/v1/search", content=b"x", headers=headers).status_code == 400
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = client.post("/api/v1/search", content=b"--y\r\n\x00\xff", headers=headers)
    assert answer.status_code in (400, 422)
    text = client.post("/api/v1/search", files={"image": (None, "no file")})
    assert text.status_code == 400


def test_too_large_is_told_before_it_is_read(little: Little) -> None:
    client = little.client(limits=Limits(upload=10_000, body=1_000))
    answer = client.post("/api/v1/search", files={"image": ("x.png", b"x" * 20_000)})
    assert answer.status_code == 413 and answer.json()["error"]["code"] == "too_large"
    fits = client.post("/api/v1/search", files={"image": ("x.png", b"x" * 5_000)})
    assert fits.status_code == 400 and fits.json()["error"]["code"] == "unusable"
    headers = {"content-type": "application/json"}
    assert client.post("/api/v1/search", content=b"x" * 5_000, headers=headers).status_code == 413


def test_a_body_that_never_ends_is_given_up(little: Little) -> None:
    app = little.app(limits=Limits(sending=0.3))

    listening = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        began = time.monotonic()
        with socket.create_connection(listening.getsockname(), timeout=10) as connection:
            connection.sendall(
                b"POST /api/v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n"
                b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
            )
            assert connection.recv(100).split()[1] == b"408"
        assert time.monotonic() - began < 5
        assert app.service.uploads.present == 0
    finally:
        server.should_exit = True
        thread.join(10)


def test_uploads_have_few_places(little: Little) -> None:
    app = little.app(limits=Limits(uploads=1, patience=0.05))
    with TestClient(app, base_url=HERE) as client:
        desk = app.service.uploads
        assert client.portal is not None
        with client.portal.wrap_async_context_manager(desk.place()):
            answer = client.post("/api/v1/search", files={"image": ("x.png", b"x")})
            assert answer.status_code == 503 and answer.headers["retry-after"]
            assert client.get(SEARCH).status_code == 200  # searches go on
        assert desk.present == 0


def test_made_up_methods_and_addresses_leave_no_trace_in_the_metrics(port: int) -> None:
    before = get(port, "/metrics")[1].count(b"\n")
    for number in range(20):
        raw(port, f"MADE{number} /up{number} HTTP/1.1\r\n{CLOSE}\r\n\r\n".encode())
        get(port, f"/api/v1/videos/{number:016x}")
    assert get(port, "/metrics")[1].count(b"\n") - before < 40


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n",  # no host
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
        b"POST /api/v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhell",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    ],
)
def test_broken_requests_are_refused_and_the_server_lives(port: int, request_: bytes) -> None:
    try:
        answer = raw(port, request_, 0.3)
        assert answer == b"" or answer.split()[1][:1] == b"4", answer[:100]
    except ConnectionError:
        pass  # it hung up
    assert get(port, "/api/v1/health")[0] == 200


# --- the end -------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_who_is_being_served_is_served_before_the_end(little: Little) -> None:
    script = Path(__file__).with_name("serving.py")
    paths = [str(script.parents[1] / "library"), str(script.parent)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    child = subprocess.Popen(
        [sys.executable, str(script), str(little.library)],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    try:
        assert child.stdout is not None
        port = int(child.stdout.readline())
        found: list[tuple[int, bytes]] = []
        asking = threading.Thread(target=lambda: found.append(get(port, f"{SEARCH}&limit=1")))
        while get(port, "/api/v1/health")[0] != 200:
            time.sleep(0.05)
        asking.start()
        time.sleep(0.4)  # it is at work
        child.send_signal(signal.SIGTERM)
        asking.join(20)
        assert found[0][0] == 200 and json.loads(found[0][1])["hits"]
        child.wait(60)
        with pytest.raises(ConnectionError):
            get(port, "/api/v1/health")
    finally:
        child.kill()
        child.wait()
