"""Files in ranges, and only those that were indexed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from fdaclip.serve import media as module
from fdaclip.serve.guard import Refused, refusal
from fdaclip.serve.media import byte_range, media

CONTENT = np.random.default_rng(0).bytes(100_000)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(CONTENT)
    return path


def client_of(file: Path) -> TestClient:
    """Serves the file as it is now."""
    known = file.stat()

    def serve(request: Request) -> Response:
        asked = request.headers.get("range")
        return media(str(file), known.st_size, known.st_mtime_ns, asked, request.method)

    routes = [Route("/", serve)]
    return TestClient(Starlette(routes=routes, exception_handlers={Refused: refusal}))


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-", 0, 99_999),
        ("bytes=99999-", 99_999, 99_999),
        ("bytes=5-1000000", 5, 99_999),
        ("bytes=-1", 99_999, 99_999),
        ("bytes=-1000000", 0, 99_999),
        ("bytes = 70000 - 80000", 70_000, 80_000),
    ],
)
def test_a_range_is_those_bytes(
    file: Path, asked: str, first: int, last: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 777)
    answer = client_of(file).get("/", headers={"range": asked})
    assert answer.status_code == 206
    assert answer.content == CONTENT[first : last + 1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/100000"
    assert answer.headers["content-length"] == str(last - first + 1)


@pytest.mark.parametrize("asked", [None, "", "bytes=-", "bytes=5-4", "bytes=0-1,5-6", "lines=1-2"])
def test_without_a_range_it_is_the_whole(file: Path, asked: str | None) -> None:
    headers = {} if asked is None else {"range": asked}
    answer = client_of(file).get("/", headers=headers)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-type"] == "video/mp4"


@pytest.mark.parametrize("asked", ["bytes=100000-", "bytes=100000-100001", "bytes=-0"])
def test_a_range_outside_is_told(file: Path, asked: str) -> None:
    answer = client_of(file).get("/", headers={"range": asked})
    assert answer.status_code == 416 and answer.json()["error"]["code"] == "no_such_range"


def test_an_empty_file_has_no_ranges() -> None:
    assert byte_range(None, 0) is None
    with pytest.raises(Refused):
        byte_range("bytes=-5", 0)


def test_head_tells_the_size_and_sends_nothing(file: Path) -> None:
    answer = client_of(file).head("/")
    assert answer.headers["content-length"] == "100000" and not answer.content


def test_another_file_under_its_name_is_not_sent(file: Path, tmp_path: Path) -> None:
    client = client_of(file)
    secret = tmp_path / "secret"
    secret.write_bytes(np.random.default_rng(0).bytes(100_000))
    file.unlink()
    assert client.get("/").status_code == 404
    file.symlink_to(secret)
    assert client.get("/").status_code == 409
    file.unlink()
    file.mkdir()
    assert client.get("/").status_code == 409
    file.rmdir()
    os.mkfifo(file)
    assert client.get("/").status_code == 409
    file.unlink()
    file.write_bytes(CONTENT[:-1])
    assert client.get("/").status_code == 409


def test_no_descriptor_is_left_open(file: Path) -> None:
    client = client_of(file)
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        pytest.skip("no /proc")
    before = len(list(folder.iterdir()))
    for asked in ("bytes=0-10", "bytes=100000-", None):
        client.get("/", headers={"range": asked} if asked else {})
        client.head("/")
    assert len(list(folder.iterdir())) <= before
