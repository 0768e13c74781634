"""The Python client against the server itself, and against servers that are not as they should."""

from __future__ import annotations

import inspect
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx2
import pytest
from little_server import HERE, Little
from PIL import Image

from fdaclip.library import AddReport
from fdaclip.serve import connection as connection_module
from fdaclip.serve import jobs, told, wire
from fdaclip.serve.asked import Fields
from fdaclip.serve.client import ApiError, Asked, Client, Download, _name
from fdaclip.serve.connection import Connection

TOKEN = "a-token-of-24-characters"
VIDEO = "0123456789abcdef"
MOMENT = f"{VIDEO}-0-1000"


@pytest.fixture(scope="module")
def client(little: Little, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Of a server that wants a token, and has a report."""
    reports = tmp_path_factory.mktemp("reports")
    (reports / "a b.html").write_text("<title>How good</title>é", "utf-8")
    with (
        little.client(token=TOKEN, reports=reports, raises=False) as server,
        Client(f"{HERE}/?token={TOKEN}", transport=server._transport) as client,
    ):
        yield client


def answering(*answers: httpx2.Response | Exception, **how: Any) -> tuple[Client, list[Any]]:
    """A client whose server gives these answers, and the requests it was sent."""
    left, asked = list(answers), list[Any]()

    def handle(request: httpx2.Request) -> httpx2.Response:
        request.read()
        asked.append(request)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Client(HERE, transport=httpx2.MockTransport(handle), **how), asked


def refusal(status: int, code: str = "busy", **headers: str) -> httpx2.Response:
    told = {"code": code, "message": "too many", "hint": "later"}
    return httpx2.Response(status, json={"error": told}, headers=headers)


# --- what it asks, and what comes ----------------------------------------------------------------


def test_a_search_by_all_that_can_be_asked(client: Client, little: Little) -> None:
    found = client.search("a dog", limit=2)
    assert isinstance(found, wire.Found) and len(found.hits) == 2
    assert all(Path(hit.path).exists() for hit in found.hits)
    hit = client.search("a dog", path="a.mp4", motion="moving", text=False, limit=1).hits[0]
    assert hit.name == "a.mp4"
    assert client.search("a dog", path=["a.mp4", "b.mp4"], group="video").hits[1].name != hit.name
    assert client.search("a dog", audio=True).hits == []
    assert client.search(like=hit.id).query
    assert client.search("a dog", without=["a cat", "rain"]).query == "a dog − a cat − rain"
    assert client.search("a dog", without="a cat").query == "a dog − a cat"


def test_a_search_with_a_picture_and_a_clip(client: Client, little: Little, tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 30, 30)).save(picture, "PNG")
    path = tmp_path / "red.png"
    path.write_bytes(picture.getvalue())
    assert client.search(image=path, limit=1).query == "red.png"
    both = client.search("x", image=picture.getvalue(), without=["y"], exact=True, limit=1)
    assert both.query == "x + file − y"
    assert client.search(clip=str(little.films / "a.mp4")).hits[0].name == "a.mp4"
    with pytest.raises(ApiError, match="picture") as refused:
        client.search(image=b"no picture")
    assert (refused.value.status, refused.value.code) == (400, "unusable")


def test_pages_are_the_whole(client: Client) -> None:
    whole = [hit.id for hit in client.search("a cat", limit=200).hits]
    pages = list(client.pages("a cat", limit=1))
    assert [hit.id for page in pages for hit in page.hits] == whole and len(whole) >= 3
    everything = client.videos().videos
    assert list(client.all_videos()) == everything
    assert [one.name for one in client.all_videos(state="bad")] == ["bad.mp4"]
    first = client.videos(limit=1)
    assert client.videos(limit=1, after=first.next or "").videos == everything[1:2]


def test_moments_and_videos(client: Client, little: Little) -> None:
    hit = client.search("a dog", path="a.mp4", limit=1).hits[0]
    assert client.moment(hit.id).start == hit.start
    assert client.thumbnail(hit.id)[:2] == b"\xff\xd8"
    assert client.get(hit.thumbnail)[:2] == b"\xff\xd8"
    assert client.video(hit.video).name == "a.mp4"
    assert client.video_thumbnail(hit.video)[:2] == b"\xff\xd8"
    assert client.frame(hit.video, 0.5, height=32)[:2] == b"\xff\xd8"
    line = client.timeline(hit.video, "a dog")
    assert line.moments[0].similarity is not None
    assert client.timeline(hit.video).moments[0].similarity is None
    assert client.library().files == 4 and client.health().status == "ok"


def test_an_address_that_was_told_is_asked_as_it_is() -> None:
    client, asked = answering(httpx2.Response(200, content=b"jpeg"))
    address = f"/api/v1/moments/{MOMENT}/why/0/mask.jpg?q=a+dog&without=x"
    assert client.get(address) == b"jpeg"
    assert asked[0].url.raw_path.decode() == address


def test_the_file_itself(client: Client, little: Little, tmp_path: Path) -> None:
    video = client.search("a dog", path="a.mp4", limit=1).hits[0].video
    content = (little.films / "a.mp4").read_bytes()
    assert client.media(video).save(tmp_path / "new" / "a.mp4").read_bytes() == content
    with pytest.raises(FileExistsError):
        client.media(video).save(tmp_path / "new" / "a.mp4")
    client.media(video, 5, 9).save(tmp_path / "new" / "a.mp4", force=True)
    assert (tmp_path / "new" / "a.mp4").read_bytes() == content[5:10]
    assert b"".join(client.media(video, 100)) == content[100:]
    assert client.media(video, 0, 0).read() == content[:1]
    assert b"ftyp" in client.clip(video, 0.5, 1.5).read()[:16]
    with pytest.raises(ApiError) as refused:
        client.media(video, 1 << 40).read()
    assert (refused.value.status, refused.value.code) == (416, "no_such_range")


def test_masks_and_reports(client: Client, little: Little) -> None:
    settings = {one.name: one for one in client.mask_settings()}
    video = client.search("x", limit=1).hits[0].video
    found = client.masks(video=video, start=0.2, end=1.0, frames=2, blur=0.01, camera=False)
    assert len(found.frames) == 2 and {"blur", "camera"} <= set(settings)
    sent = client.masks(upload=little.films / "a.mp4", frames=1)
    assert len(sent.frames) == 1
    with pytest.raises(ApiError, match="thick"):
        client.masks(video=video, blur="thick")
    (report,) = client.reports()
    assert (report.name, report.title) == ("a b.html", "How good")
    assert client.report(report.name).endswith("é")


def test_export_saves_what_is_sent(client: Client, tmp_path: Path) -> None:
    ids = {hit.name: hit.id for hit in client.search("x", group="video").hits}
    one = client.export(ids["c d%é.mp4"], to=tmp_path / "out")
    assert re.fullmatch(r"c d%é@[\d.]+-[\d.]+\.mp4", one.name) and one.parent == tmp_path / "out"
    packed = client.export(list(ids.values()), "exact", to=tmp_path)
    assert len(ZipFile(packed).namelist()) == 3
    listed = client.export(list(ids.values()), "json", to=tmp_path)
    assert len(json.loads(listed.read_text())) == 3
    with pytest.raises(FileExistsError):
        client.export(list(ids.values()), "json", to=tmp_path)
    assert client.export(list(ids.values()), "json", to=tmp_path, force=True) == listed
    with pytest.raises(ApiError) as refused:
        client.export([], to=tmp_path)
    assert (refused.value.status, refused.value.code) == (422, "not_valid")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "moments.json",
        "moments.zip",
        "out",
    ]


def test_a_name_never_leads_out_of_the_folder() -> None:
    assert _name("attachment; filename=\"_.mp4\"; filename*=UTF-8''%C3%A9.mp4") == "é.mp4"
    assert _name("attachment; filename*=UTF-8''..%2F..%2Fx.mp4") == "x.mp4"
    assert _name(r'attachment; filename="..\..\x.mp4"') == "x.mp4"
    assert _name('attachment; filename=".."') == _name("inline") == ""


# --- jobs ----------------------------------------------------------------------------------------


def job(state: str = "running", share: float = 0.0) -> dict[str, Any]:
    progress = wire.JobProgress(
        files=2, done=1, bad=0, share=share, seconds=4, elapsed=1, rate=None, left=None, current="a"
    )
    return {
        "id": VIDEO,
        "state": state,
        "paths": ["/films"],
        "retry": False,
        "began": 1.0,
        "ended": 2.0 if state in ("done", "cancelled") else None,
        "progress": progress.model_dump(),
        "report": None,
        "error": None,
    }


def events(*told: tuple[str, dict[str, Any]]) -> httpx2.Response:
    text = "".join(f"event: {name}\ndata: {json.dumps(one)}\n\n: here\n\n" for name, one in told)
    return httpx2.Response(200, text=text, headers={"Content-Type": "text/event-stream"})


def test_a_job_from_its_order_to_its_end() -> None:
    client, asked = answering(
        httpx2.Response(202, json=job()),
        events(("progress", job()), ("progress", job(share=0.5)), ("end", job("done", 1.0))),
        events(("end", job("done", 1.0))),
        httpx2.Response(202, json=job("stopping")),
        httpx2.Response(200, json={"jobs": [job()], "running": VIDEO}),
        httpx2.Response(200, json=job()),
    )
    begun = client.index([Path("/films"), "/b"], retry=True)
    assert json.loads(asked[0].content) == {"paths": ["/films", "/b"], "videos": [], "retry": True}
    told = [(one.state, one.progress and one.progress.share) for one in client.follow(begun.id)]
    assert told == [("running", 0.0), ("running", 0.5), ("done", 1.0)]
    assert client.wait(begun).state == "done"  # a job is as good as its id
    assert client.cancel(begun).state == "stopping"
    assert client.jobs().running == VIDEO
    assert client.job(VIDEO).paths == ["/films"]


def test_a_report_may_be_long() -> None:
    fault = {"video": VIDEO, "path": "/films/" + "x" * 200, "reason": "is no video"}
    facts = told.report(AddReport(found=10_000)).model_dump() | {"bad": [fault] * 10_000}
    client, _ = answering(events(("end", job("done") | {"report": facts})), patience=-1.0)
    report = client.wait(VIDEO).report
    assert report and len(report.bad) == 10_000


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_jobs_of_the_server_itself(
    client: Client, little: Little, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its routes, with little programs in the place of the one that indexes."""
    report = told.report(AddReport(found=3, interrupted=True)).model_dump_json()
    code = f"import sys; sys.stdin.buffer.read(); print('{{\"report\": {report}}}')"
    monkeypatch.setattr(jobs, "COMMAND", [sys.executable, "-S", "-c", code])
    begun = client.index(little.films)
    assert (begun.state, begun.paths) == ("running", [str(little.films)])
    assert client.jobs().running == begun.id
    with pytest.raises(ApiError) as refused:
        client.index(little.films)
    assert (refused.value.status, refused.value.code) == (409, "indexing")
    assert client.cancel(begun.id).state == "stopping"
    ended = client.wait(begun.id)
    assert ended.report and ended.report.found == 3
    assert client.job(begun.id) == ended and client.cancel(begun.id) == ended
    assert [one.id for one in client.jobs().jobs] == [begun.id]
    with pytest.raises(ApiError) as refused:
        client.index(tmp_path / "nothing")
    assert (refused.value.status, refused.value.code) == (404, "no_such_path")


def test_one_path_or_video_is_a_list_of_one() -> None:
    client, asked = answering(*[httpx2.Response(202, json=job()) for _ in range(3)])
    client.index("/films")
    client.index(Path("/films"))
    client.index(videos=VIDEO)
    sent = [json.loads(request.content) for request in asked]
    assert [one["paths"] for one in sent] == [["/films"], ["/films"], []]
    assert sent[2]["videos"] == [VIDEO]


def test_what_breaks_off_is_followed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fdaclip.serve.client.AGAIN", 0.0)
    client, _ = answering(
        events(("progress", job())),
        httpx2.ReadError("reset"),
        events(("end", job("cancelled"))),
    )
    assert [one.state for one in client.follow(VIDEO)] == ["running", "cancelled"]
    gone, _ = answering(refusal(404, "no_such_job"))
    with pytest.raises(ApiError) as refused:
        gone.wait(VIDEO)
    assert refused.value.code == "no_such_job"
    silent, _ = answering(events(), events(), patience=-1.0)
    with pytest.raises(ApiError, match="no more"):
        list(silent.follow(VIDEO))
    away, _ = answering(httpx2.ConnectError("refused"), patience=-1.0)
    with pytest.raises(ApiError, match="does not answer"):
        list(away.follow(VIDEO))


# --- what goes wrong -----------------------------------------------------------------------------


def test_a_refusal_says_what_and_what_to_do(client: Client) -> None:
    with pytest.raises(ApiError) as refused:
        client.moment(MOMENT)
    error = refused.value
    assert (error.status, error.code) == (404, "no_such_video")
    assert str(error) == error.message == "the library knows no such video"
    with pytest.raises(ApiError) as refused:
        client.search()
    assert refused.value.status == 422 and refused.value.hint in str(refused.value)


def test_the_token_is_needed_and_carried(little: Little) -> None:
    with little.client(token=TOKEN) as server:
        stranger = Client(HERE, transport=server._transport)
        assert stranger.health().status == "ok"
        with pytest.raises(ApiError) as refused:
            stranger.library()
        assert (refused.value.status, refused.value.code) == (401, "token_needed")
        known = Client("127.0.0.1:8000", token=TOKEN, transport=server._transport)
        assert known.library().files == 4


def test_nobody_is_there(tmp_path: Path) -> None:
    with Client("http://127.0.0.1:1") as client, pytest.raises(ApiError) as refused:
        client.health()
    assert (refused.value.status, refused.value.code) == (0, "unreachable")
    assert str(refused.value).startswith("http://127.0.0.1:1 does not answer: ")
    slow, _ = answering(httpx2.ReadTimeout("slow"))
    with pytest.raises(ApiError, match="no sign for 30 s"):
        slow.health()
    for url in ("http://", "http://a b", "ftp://x"):
        with pytest.raises(ApiError) as refused, Client(url) as client:
            client.health()
        assert refused.value.status == 0


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, text="<h1>Hello</h1>"),
        httpx2.Response(200, json={"status": "fine"}),
        httpx2.Response(302, headers={"Location": "https://elsewhere"}),
        httpx2.Response(502, text="Bad Gateway"),
        httpx2.Response(404, json={"detail": "Not Found"}),
    ],
)
def test_another_kind_of_server_is_told(answer: httpx2.Response) -> None:
    client, _ = answering(answer)
    with pytest.raises(ApiError) as refused:
        client.health()
    assert refused.value.code == "not_understood" and "fdaclip serve" in refused.value.hint


def test_a_busy_server_is_asked_again_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    slept = list[float]()
    clock = iter(range(1000))
    monkeypatch.setattr(connection_module.time, "sleep", slept.append)
    monkeypatch.setattr(connection_module.time, "monotonic", lambda: float(next(clock)))
    health = {"status": "ok", "version": "1", "moments": 0, "indexing": False}
    busy = refusal(503, **{"Retry-After": "2"})
    client, asked = answering(busy, refusal(503), httpx2.Response(200, json=health))
    assert client.health().status == "ok"
    assert slept == [2.0, 1.0] and len(asked) == 3
    client, asked = answering(*[refusal(503) for _ in range(100)], patience=5.0)
    with pytest.raises(ApiError) as refused:
        client.health()
    assert refused.value.code == "busy" and 3 <= len(asked) <= 5
    client, asked = answering(refusal(503, **{"Retry-After": "3600"}))
    with pytest.raises(ApiError):
        client.health()
    client, asked = answering(refusal(500, "fault"))
    with pytest.raises(ApiError):
        client.health()
    assert len(asked) == 1


def test_a_file_is_sent_again_from_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module.time, "sleep", lambda s: None)
    path = tmp_path / "x.png"
    path.write_bytes(b"all of the picture")
    found = {"query": "", "nothing": None, "took_ms": 1, "hits": [], "next": None, "searched": 0}
    client, asked = answering(refusal(503), httpx2.Response(200, json=found))
    client.search(image=path)
    assert all(b"all of the picture" in request.content for request in asked) and len(asked) == 2


def test_half_a_file_is_none(tmp_path: Path) -> None:
    class Broken(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b"half"
            raise httpx2.RemoteProtocolError("peer closed connection")

    client, _ = answering(httpx2.Response(200, stream=Broken()))
    with pytest.raises(ApiError, match="peer closed"):
        client.media(VIDEO).save(tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


# --- whole, light, alike -------------------------------------------------------------------------

CALLS: dict[str, Callable[[Client], Any]] = {
    "health": lambda client: client.health(),
    "library": lambda client: client.library(),
    "search": lambda client: (client.search("x"), client.search(image=b"x")),
    "pages": lambda client: list(client.pages("x")),
    "moment": lambda client: client.moment(MOMENT),
    "thumbnail": lambda client: client.thumbnail(MOMENT),
    "why": lambda client: client.why(MOMENT, "x"),
    "why_picture": lambda client: client.why_picture(MOMENT, 0, "mask", "x"),
    "videos": lambda client: client.videos(),
    "all_videos": lambda client: list(client.all_videos()),
    "video": lambda client: client.video(VIDEO),
    "video_thumbnail": lambda client: client.video_thumbnail(VIDEO),
    "timeline": lambda client: client.timeline(VIDEO),
    "frame": lambda client: client.frame(VIDEO),
    "media": lambda client: client.media(VIDEO).read(),
    "clip": lambda client: client.clip(VIDEO, 0, 1).read(),
    "mask_settings": lambda client: client.mask_settings(),
    "masks": lambda client: client.masks(video=VIDEO),
    "reports": lambda client: client.reports(),
    "report": lambda client: client.report("a.html"),
    "index": lambda client: client.index("/films"),
    "jobs": lambda client: client.jobs(),
    "job": lambda client: client.job(VIDEO),
    "cancel": lambda client: client.cancel(VIDEO),
    "follow": lambda client: list(client.follow(VIDEO)),
    "wait": lambda client: client.wait(VIDEO),
    "export": lambda client: client.export(MOMENT),
    "get": lambda client: client.get(f"/api/v1/moments/{MOMENT}/thumbnail.jpg"),
}


def operations(little: Little) -> set[tuple[str, str]]:
    """Method and address of all that the server describes."""
    paths = little.client().get("/api/v1/openapi.json").json()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def test_every_address_has_a_method_and_every_method_an_address(
    little: Little, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {name for name, _ in inspect.getmembers(Client, inspect.isfunction) if name[0] != "_"}
    assert named - {"close"} == set(CALLS)
    described = operations(little)
    patterns = {
        one: re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(one[1]))) for one in described
    }
    reached = set()
    for name, call in CALLS.items():
        client, asked = answering(*[refusal(404, "nothing")] * 2)
        for _ in range(2):
            with suppress(ApiError):
                call(client)
            call = (lambda c: c.search(image=b"x")) if name == "search" else call
        for request in asked:
            path = request.url.path
            hit = [
                one
                for one, pattern in patterns.items()
                if one[0] == request.method and pattern.fullmatch(path)
            ]
            assert hit, f"Client.{name} asks {request.method} {path}, which is not described"
            reached.add(min(hit, key=lambda one: one[1].count("{")))
    assert described - reached == set()


def test_a_search_takes_all_that_the_server_does() -> None:
    assert set(Asked.__annotations__) | {"q"} == set(Fields.model_fields) | {"image", "clip"}


def test_it_needs_no_server_and_no_model() -> None:
    """Only what the extra `client` brings may be imported."""
    code = """
import sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        allowed = sys.stdlib_module_names | set(sys.argv[1].split())
        if name.partition(".")[0] not in allowed and not name.startswith("_sysconfigdata"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Nothing())
from fdaclip.serve.client import Client
print(Client("http://127.0.0.1:1").health.__name__)
"""
    brought = "fdaclip httpx2 httpcore2 h11 anyio idna truststore typing_extensions sniffio certifi"
    brought += " pydantic pydantic_core annotated_types typing_inspection _cffi_backend"
    done = subprocess.run(
        [sys.executable, "-c", code, brought], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "health\n", done.stderr


def test_without_its_extra_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['httpx2'] = None; import fdaclip.serve.client"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr.splitlines()[-1] == "hint: pip install 'fdaclip[client]'"


def test_no_proxy_stands_before_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:1")
    for url, asked in (("http://127.0.0.1:8", False), ("http://films.example", True)):
        connection = Connection(url, token="", timeout=1, patience=0)
        assert connection._http._trust_env is asked
        connection.close()


def test_a_download_is_asked_for_when_it_is_read() -> None:
    pieces = iter([b"a", b"b"])
    assert Download(lambda: pieces).read() == b"ab"
    client, asked = answering()
    client.media(VIDEO)
    assert asked == []
