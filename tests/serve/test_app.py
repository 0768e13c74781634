"""What the API answers, held against the library itself."""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from little_server import Little, made
from PIL import Image
from starlette.testclient import TestClient
from tiny_films import FakeEncoder, film

from fdaclip.library import Filters, Library, LibraryError, Query
from fdaclip.serve.ids import moment_id, parsed, video_id
from fdaclip.serve.limits import Limits


@pytest.fixture(scope="module")
def client(little: Little) -> TestClient:
    return little.client()


@pytest.fixture
def library(little: Little) -> Library:
    return Library(little.library, FakeEncoder())


def get(client: TestClient, path: str, /, **query: Any) -> Any:
    answer = client.get(f"/api/v1{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_search_is_the_librarys(client: TestClient, library: Library) -> None:
    found = get(client, "/search", q="a dog", limit=3)
    page = library.search_page("a dog", 3)
    assert [(h["path"], h["start"], h["end"], h["score"]) for h in found["hits"]] == [
        (hit.path, hit.start, hit.end, hit.score) for hit in page.hits
    ]
    assert (found["next"], found["query"]) == (page.next, "a dog")
    assert found["searched"] == library.status().moments


def test_pages_joined_are_the_one_long_list(client: TestClient) -> None:
    whole = [h["id"] for h in get(client, "/search", q="a cat", limit=200)["hits"]]
    joined, after = [], None
    while True:
        more = {} if after is None else {"after": after}
        found = get(client, "/search", q="a cat", limit=1, **more)
        joined += [hit["id"] for hit in found["hits"]]
        after = found["next"]
        if after is None:
            break
    assert joined == whole and len(whole) >= 3


def test_filters_are_the_librarys(client: TestClient, library: Library, little: Little) -> None:
    folder = str(little.films / "sub")
    by_folder = get(client, "/search", q="x", folder=folder)["hits"]
    hits = library.search("x", 24, filters=Filters(folders=(folder,)))
    assert [h["path"] for h in by_folder] == [h.path for h in hits] != []
    assert get(client, "/search", q="x", path="a.*")["hits"][0]["name"] == "a.mp4"
    assert get(client, "/search", q="x", longer=100)["hits"] == []
    assert get(client, "/search", q="x", audio="true")["hits"] == []
    assert get(client, "/search", q="x", resolution=48)["hits"] != []
    assert get(client, "/search", q="x", until="2001")["hits"] == []
    videos = [h["video"] for h in get(client, "/search", q="x", group="video")["hits"]]
    assert len(videos) == len(set(videos)) == 3


def test_without_and_like(client: TestClient, library: Library) -> None:
    first = get(client, "/search", q="a dog", limit=1)["hits"][0]
    asked = Query.clip(first["path"], first["start"], first["end"])
    like = get(client, "/search", like=first["id"])["hits"]
    assert [h["path"] for h in like] == [h.path for h in library.search(asked, 24)]
    less = get(client, "/search", q="a dog", without="a cat")
    asked = Query.sentence("a dog") - Query.sentence("a cat")
    assert [h["score"] for h in less["hits"]] == [h.score for h in library.search(asked, 24)]
    assert less["query"] == "a dog − a cat"


def picture(colour: tuple[int, int, int], name: str = "x.png") -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(buffer, "PNG")
    return {"image": (name, buffer.getvalue(), "image/png")}


def test_a_picture_and_a_clip_that_are_sent(
    client: TestClient, library: Library, little: Little
) -> None:
    answer = client.post("/api/v1/search", data={"limit": "2"}, files=picture((200, 30, 30)))
    assert answer.status_code == 200, answer.text
    red = np.full((48, 64, 3), (200, 30, 30), np.uint8)
    hits = library.search(Query.image(red), 2)
    assert [h["score"] for h in answer.json()["hits"]] == pytest.approx([h.score for h in hits])
    assert answer.json()["query"] == "x.png"
    clip = (little.films / "a.mp4").read_bytes()
    answer = client.post("/api/v1/search", files={"clip": ("mine.mp4", clip, "video/mp4")})
    assert answer.json()["hits"][0]["name"] == "a.mp4"
    both = client.post(
        "/api/v1/search", data={"q": "x", "without": ["y", "z"]}, files=picture((1, 2, 3))
    )
    assert both.json()["query"] == "x + x.png − y − z"


def test_a_moment_by_its_id(client: TestClient) -> None:
    hit = get(client, "/search", q="a dog", limit=1)["hits"][0]
    alone = get(client, f"/moments/{hit['id']}")
    same = ("id", "video", "path", "start", "end", "duration", "media")
    assert [alone[name] for name in same] == [hit[name] for name in same]
    assert alone["share"] == pytest.approx(hit["share"])
    assert (alone["score"], alone["match"]) == (0, "")


def test_pictures_are_sent_once(client: TestClient) -> None:
    hit = get(client, "/search", q="a dog", limit=1)["hits"][0]
    first = client.get(hit["thumbnail"])
    assert first.headers["content-type"] == "image/jpeg"
    assert min(Image.open(io.BytesIO(first.content)).size) == 32  # as the model was shown it
    again = client.get(hit["thumbnail"], headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304 and not again.content
    other = client.get(hit["thumbnail"], headers={"if-none-match": '"x"'})
    assert other.content == first.content
    assert client.get(f"/api/v1/videos/{hit['video']}/thumbnail.jpg").status_code == 200


def test_a_file_is_sent_in_ranges(client: TestClient, little: Little) -> None:
    hit = get(client, "/search", q="a dog", path="a.mp4")["hits"][0]
    content = (little.films / "a.mp4").read_bytes()
    assert client.get(hit["media"]).content == content
    part = client.get(hit["media"], headers={"range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, content[5:10])
    assert client.head(hit["media"]).headers["content-length"] == str(len(content))


def test_files_by_state_and_page(client: TestClient, little: Little) -> None:
    everything = get(client, "/videos")["videos"]
    assert [v["path"] for v in everything] == sorted(v["path"] for v in everything)
    assert {v["name"]: v["state"] for v in everything} == {
        "a.mp4": "ok",
        "b.mp4": "ok",
        "bad.mp4": "bad",
        "c d%é.mp4": "ok",
    }
    joined, after = [], ""
    while after is not None:
        page = get(client, "/videos", limit=1, after=after)
        joined += page["videos"]
        after = page["next"]
    assert joined == everything
    (bad,) = get(client, "/videos", state="bad")["videos"]
    assert bad["reason"] and bad["thumbnail"] is None
    assert get(client, "/videos", state="offline")["videos"] == []
    sub = get(client, "/videos", folder=str(little.films / "sub"))["videos"]
    assert [v["name"] for v in sub] == ["c d%é.mp4"]
    assert get(client, f"/videos/{sub[0]['id']}") == sub[0]


def test_what_the_library_holds(client: TestClient, library: Library, little: Little) -> None:
    facts, status = get(client, "/library"), library.status()
    assert (facts["files"], facts["moments"], facts["hours"]) == (4, status.moments, status.hours)
    assert [f["path"] for f in facts["bad"]] == [str(little.films / "bad.mp4")]
    assert {f["path"]: f["files"] for f in facts["folders"]} == {
        str(little.films): 3,
        str(little.films / "sub"): 1,
    }
    assert get(client, "/health")["moments"] == status.moments


def test_what_is_added_is_found(little: Little, tmp_path: Any) -> None:
    own = made(tmp_path)
    client = own.client()
    before = get(client, "/health")["moments"]
    film(own.films / "new.mp4", 9, seconds=1.0)
    Library(own.library, FakeEncoder()).add(own.films)
    (hit,) = get(client, "/search", q="x", path="new.mp4")["hits"]  # at once, with its facts
    assert (hit["name"], hit["duration"]) == ("new.mp4", 1.0)
    assert get(client, "/health")["moments"] > before


def test_ids_tell_nothing_and_come_back() -> None:
    one = video_id("/films/ä b.mp4")
    assert len(one) == 16 and one != video_id("/films/ä c.mp4")
    assert parsed(moment_id(one, 1.25, 9.5)) == (one, 1.25, 9.5)
    for wrong in ("", one, f"{one}-1", f"{one}-2-1", f"{one}-1-2-3", f"{one}-١-٢", f"{one}--1-2"):
        assert parsed(wrong) is None


def test_many_who_ask_at_once_share_a_pass(little: Little) -> None:
    with little.client() as client, ThreadPoolExecutor(16) as pool:
        sentences = [f"sentence {n}" for n in range(32)]
        found = list(pool.map(lambda q: get(client, "/search", q=q, limit=1), sentences))
        assert [one["query"] for one in found] == sentences
        metrics = {
            name: float(value)
            for name, value in (
                line.split() for line in client.get("/metrics").text.splitlines() if line[0] != "#"
            )
            if "{" not in name
        }
    assert metrics["fdaclip_searches"] == 32
    assert metrics["fdaclip_batches"] < 32


def test_overload_is_told_and_passes(little: Little) -> None:
    app = little.app(limits=Limits(searches=1, waiting=1, patience=5))
    service = app.service
    with TestClient(app, base_url="http://127.0.0.1") as client, ThreadPoolExecutor(8) as pool:
        with service._asking:  # the library is busy
            asked = [pool.submit(client.get, f"/api/v1/search?q={n}") for n in range(6)]
            while sum(one.done() for one in asked) < 4:
                pass
        codes = sorted(one.result().status_code for one in asked)
        assert codes == [200, 200, 503, 503, 503, 503]
        refused = next(one.result() for one in asked if one.result().status_code == 503)
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["error"]["code"] == "busy"
        assert client.get("/api/v1/search?q=again").status_code == 200


def test_the_end_is_orderly(little: Little) -> None:
    app = little.app()
    with TestClient(app, base_url="http://127.0.0.1") as client:
        assert client.get("/api/v1/health").json()["status"] == "ok"
        app.service.close()
        assert client.get("/api/v1/health").json()["status"] == "draining"
        assert client.get("/api/v1/search?q=x").status_code == 503


def test_a_librarys_own_trouble_is_told(little: Little, monkeypatch: pytest.MonkeyPatch) -> None:
    client = little.client()

    def trouble(asks: Any) -> Any:
        raise LibraryError("the library's model is not at hand", "--model FOLDER tells where")

    monkeypatch.setattr(client.app.service.library, "search_many", trouble)  # type: ignore[attr-defined]
    answer = client.get("/api/v1/search?q=x")
    assert answer.status_code == 503 and answer.headers["retry-after"]
    assert answer.json()["error"]["hint"] == "--model FOLDER tells where"


def test_streams_give_their_places_back(little: Little) -> None:
    app = little.app(limits=Limits(streams=1))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        media = client.get("/api/v1/search?q=x&path=a.mp4").json()["hits"][0]["media"]
        for _ in range(3):
            assert client.get(media).status_code == 200
            assert client.get(media, headers={"range": "bytes=999999-"}).status_code == 416
        assert app.service.streams.present == 0

        async def held() -> int:
            async with app.service.streams.place():
                return (await asyncio.to_thread(client.get, media)).status_code

        assert asyncio.run(held()) == 503
