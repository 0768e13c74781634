"""Why it matched, over HTTP: what the library itself says, made once."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from little_server import Little
from PIL import Image
from starlette.testclient import TestClient
from tiny_films import FakeEncoder

from fdaclip.library import Library
from fdaclip.serve.why import why


@pytest.fixture(scope="module")
def client(little: Little) -> TestClient:
    return little.client()


@pytest.fixture(scope="module")
def hit(client: TestClient) -> dict[str, Any]:
    found = client.get("/api/v1/search", params={"q": "a square", "limit": 1}).json()
    return found["hits"][0]  # type: ignore[no-any-return]


def test_it_is_what_the_library_says(
    client: TestClient, little: Little, hit: dict[str, Any]
) -> None:
    told = client.get(f"/api/v1/moments/{hit['id']}/why", params={"q": "a square"}).json()
    library = Library(little.library, FakeEncoder())
    (best,) = [one.best for one in library.search("a square", 1)]
    wanted = why(library, hit["path"], *best, "a square", 4)
    assert told["score"] == pytest.approx(hit["score"], abs=1e-6)
    assert told["score_without_mask"] == pytest.approx(wanted.score_without_mask, abs=1e-6)
    assert told["method"] == "occlusion"
    assert [f["time"] for f in told["frames"]] == [f.time for f in wanted.frames]
    for layer in ("frame", "mask", "relevance", "relevance_without_mask"):
        answer = client.get(told["frames"][1][layer])
        assert answer.headers["content-type"] == "image/jpeg" and answer.headers["etag"]
        shown = np.asarray(Image.open(io.BytesIO(answer.content)))
        assert shown.shape == (240, 320, 3)
        if layer == "frame":
            assert np.abs(shown - wanted.frames[1].rgb.astype(int)).mean() < 4


def test_the_model_is_asked_once(client: TestClient, little: Little, hit: dict[str, Any]) -> None:
    app = little.app()
    with TestClient(app, base_url="http://127.0.0.1:8000") as fresh:
        address = f"/api/v1/moments/{hit['id']}/why"
        first = fresh.get(address, params={"q": "a cross"}).json()
        encoder = app.service._heavy.encoder()
        before = encoder.encoded
        assert before > 100
        assert fresh.get(address, params={"q": "a cross"}).json() == first
        assert fresh.get(first["frames"][0]["relevance"]).status_code == 200
        assert encoder.encoded == before
        fresh.get(address, params={"q": "another"})
        assert encoder.encoded > before


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("{id}/why", 422, "bad_query"),
        ("{id}/why?q=%20", 422, "bad_query"),
        ("0000000000000000-0-1000/why?q=a", 404, "no_such_video"),
        ("{id}/why/3/frame.jpg?q=a", 404, "no_such_frame"),
        ("{id}/why/0/alpha.jpg?q=a", 422, "not_valid"),
    ],
)
def test_what_there_is_no_answer_to(
    client: TestClient, hit: dict[str, Any], path: str, status: int, code: str
) -> None:
    answer = client.get("/api/v1/moments/" + path.format(id=hit["id"]))
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_moment_can_be_asked_with(client: TestClient, hit: dict[str, Any]) -> None:
    told = client.get(f"/api/v1/moments/{hit['id']}/why", params={"like": hit["id"]}).json()
    assert told["score"] > 0.9


def test_a_timeline_is_the_moments_of_a_video(
    client: TestClient, little: Little, hit: dict[str, Any]
) -> None:
    plain = client.get(f"/api/v1/videos/{hit['video']}/timeline").json()
    assert plain["duration"] == hit["duration"] and len(plain["moments"]) >= 2
    assert all(one["similarity"] is None and one["match"] == "" for one in plain["moments"])
    asked = client.get(f"/api/v1/videos/{hit['video']}/timeline", params={"q": "a square"}).json()
    library = Library(little.library, FakeEncoder())
    hits = library.search("a square", 100, merge=False, fold=False)
    scores = {(h.start, h.end): h.score for h in hits if h.path == hit["path"]}
    assert scores == {(m["start"], m["end"]): m["similarity"] for m in asked["moments"]}
    assert {m["match"] for m in asked["moments"]} <= {"strong", "likely", "weak"}
    for moment in asked["moments"]:
        assert client.get(f"/api/v1/moments/{moment['id']}").status_code == 200


def test_what_is_unwanted_is_another_question(client: TestClient, hit: dict[str, Any]) -> None:
    address = f"/api/v1/moments/{hit['id']}/why"
    words = client.get(address, params={"q": "a − b"}).json()
    unwanted = client.get(address, params={"q": "a", "without": "b"}).json()
    assert words["score"] != unwanted["score"]
    assert "without=b" in unwanted["frames"][0]["mask"]
    assert client.get(unwanted["frames"][0]["mask"]).status_code == 200
