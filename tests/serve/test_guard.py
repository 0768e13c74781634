"""Attacks on the door: rebinding, cross-site pages, guessed tokens, floods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from fdaclip.serve.guard import Guard, Refused, refusal

HERE = "http://127.0.0.1:8000"
TOKEN = "a long secret"


def client(base: str = HERE, **how: Any) -> TestClient:
    async def echo(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"{len(await request.body())}")

    paths = ("/", "/page", "/api/v1/health", "/api/v1/thing")
    routes = [Route(path, echo, methods=["GET", "POST"]) for path in paths]
    app = Starlette(routes=routes, exception_handlers={Refused: refusal})
    how.setdefault("largest", 1000)
    return TestClient(Guard(app, **how), base_url=base, follow_redirects=False)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "localhost.",
        "127.0.0.1@evil.example",
        "evil.example#127.0.0.1",
        "127.0.0.1:80:80",
        "127.0.0.1/x",
        "",
        "[::2]",
        "2130706433",
    ],
)
def test_it_answers_to_its_own_names_only(host: str) -> None:
    answer = client().get("/", headers={"host": host})
    assert answer.status_code == 421 and answer.json()["error"]["code"] == "unknown_host"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8000", "localhost:99", "LOCALHOST", "[::1]:8000", "nas.home"]
)
def test_its_own_names_are_answered(host: str) -> None:
    assert client(hosts=["NAS.home"]).get("/", headers={"host": host}).status_code == 200


def test_two_hosts_are_none() -> None:
    answer = client().get("/", headers=[("host", "127.0.0.1"), ("host", "evil.example")])
    assert answer.status_code == 421


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1:9000",
        "http://127.0.0.1",
        "http://localhost:8000",
        "",
        "file://",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pages_of_other_sites_are_not_answered(origin: str, method: str) -> None:
    answer = client().request(method, "/api/v1/thing", headers={"origin": origin})
    assert answer.status_code == 403 and answer.json()["error"]["code"] == "foreign_origin"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("site", "mode", "method", "status"),
    [
        ("cross-site", "no-cors", "GET", 403),  # <img src=…> of another page
        ("same-site", "cors", "GET", 403),
        ("cross-site", "navigate", "POST", 403),  # a form of another page
        ("cross-site", "navigate", "GET", 200),  # a link
        ("same-origin", "cors", "POST", 200),
        ("none", "navigate", "GET", 200),  # typed
    ],
)
def test_what_a_browser_says_of_the_site(site: str, mode: str, method: str, status: int) -> None:
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode}
    assert client().request(method, "/page", headers=headers).status_code == status


def test_its_own_page_may_ask() -> None:
    assert client().post("/api/v1/thing", headers={"origin": HERE}).status_code == 200


def test_without_the_token_only_health_is_told() -> None:
    guarded = client(token=TOKEN)
    assert guarded.get("/api/v1/health").status_code == 200
    for path in ("/", "/page", "/api/v1/thing", "/nothing", "/api/v1/health/", "//api/v1/health"):
        answer = guarded.get(path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
    for wrong in ("", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\u00e9"):
        bearer = f"Bearer {wrong}".encode()
        answer = guarded.get("/page", headers=[(b"authorization", bearer)])
        assert answer.status_code == 401
        assert guarded.get("/page", params={"token": wrong}).status_code == 401


def test_the_token_is_taken_as_bearer_and_by_a_link_once() -> None:
    guarded = client(token=TOKEN)
    asked = guarded.get("/api/v1/thing", headers={"authorization": f"Bearer {TOKEN}"})
    assert asked.status_code == 200
    assert guarded.get("/api/v1/thing", params={"token": TOKEN}).status_code == 401  # pages only
    linked = guarded.get("/page", params={"q": "a dog & cat", "token": TOKEN})
    assert linked.status_code == 303 and linked.headers["location"] == "/page?q=a+dog+%26+cat"
    kept = linked.headers["set-cookie"]
    assert "HttpOnly" in kept and "SameSite=strict" in kept
    assert guarded.get("/api/v1/thing").status_code == 200  # by the cookie
    headers = {"origin": "http://evil.example"}
    assert guarded.post("/api/v1/thing", headers=headers).status_code == 403


def test_a_link_with_the_token_leads_nowhere_else() -> None:
    answer = client(token=TOKEN).get(f"{HERE}//evil.example/x", params={"token": TOKEN})
    assert answer.headers["location"] == "/evil.example/x"


@pytest.mark.parametrize("length", ["1001", "-1", "1e9", "99999999999999999999", "x"])
def test_a_body_that_says_it_is_too_large_is_not_read(length: str) -> None:
    answer = client().post("/page", content=b"x", headers={"content-length": length})
    assert answer.status_code == 413


def test_a_body_that_turns_out_too_large_is_cut_off() -> None:
    def flood() -> Iterator[bytes]:
        for _ in range(50):
            yield b"x" * 100

    assert client().post("/page", content=flood()).status_code == 413
    assert client(largest=5000).post("/page", content=flood()).text == "5000"


def test_every_answer_carries_the_headers() -> None:
    for answer in (
        client().get("/"),
        client().get("/nothing"),
        client().get("/", headers={"host": "x"}),
    ):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


FRIEND = "https://films.example"


def test_a_site_that_was_named_may_ask() -> None:
    named = client(origins=[FRIEND + "/"])
    asked = named.get("/api/v1/thing", headers={"origin": FRIEND, "sec-fetch-site": "cross-site"})
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == FRIEND
    assert asked.headers["cross-origin-resource-policy"] == "cross-origin"
    assert asked.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in asked.headers
    before = {"origin": FRIEND, "access-control-request-method": "DELETE"}
    preflight = named.options("/api/v1/thing", headers=before)
    assert preflight.status_code == 204
    assert "DELETE" in preflight.headers["access-control-allow-methods"]


@pytest.mark.parametrize(
    "origin", ["https://films.example.evil", "http://films.example", f"{FRIEND}:444", "null"]
)
def test_no_other_site_profits(origin: str) -> None:
    named = client(origins=[FRIEND])
    for method in ("GET", "OPTIONS"):
        asked = named.request(method, "/api/v1/thing", headers={"origin": origin})
        assert asked.status_code == 403
        assert "access-control-allow-origin" not in asked.headers


def test_a_named_site_needs_the_token_too() -> None:
    named = client(origins=[FRIEND], token=TOKEN)
    assert named.get("/api/v1/thing", headers={"origin": FRIEND}).status_code == 401
    bearer = {"origin": FRIEND, "authorization": f"Bearer {TOKEN}"}
    assert named.get("/api/v1/thing", headers=bearer).status_code == 200
