"""What an assistant can do, through the SDK's own client."""

from __future__ import annotations

import asyncio
import base64
import io
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tiny_films import FakeEncoder, film

from fdaclip.library import AddReport, Failure, Library, LibraryError, Progress

pytest.importorskip("mcp")

import httpx2
import uvicorn
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitResult

from fdaclip.serve import indexing, jobs, wire
from fdaclip.serve import mcp as served
from fdaclip.serve.guard import Guard
from fdaclip.serve.jobs import Jobs
from fdaclip.serve.order import Said
from fdaclip.serve.service import Service
from fdaclip.serve.told import progress, report

PYTHON = sys.executable
TOOLS = {
    "search_moments",
    "describe_library",
    "get_frame",
    "get_relevance_picture",
    "index_folder",
}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for number, name in enumerate(("cat", "dog", "tree")):
        film(folder / f"{name}.mp4", number, 2.0)
    return folder


@pytest.fixture(scope="module")
def library(films: Path) -> Library:
    library = Library(films.parent / "mcp.fdaclip", FakeEncoder(), window=1.0)
    library.add(films)
    return library


def asked(
    library: Library,
    scene: Callable[[Client], Awaitable[Any]],
    read_only: bool = False,
    **client: Any,
) -> Any:
    """What a scene with a client gives."""

    async def play() -> Any:
        server = served.create_server(library, read_only=read_only)
        async with Client(server, **client) as one:
            return await scene(one)

    return asyncio.run(play())


def told(result: Any) -> str:
    assert result.is_error
    return str(result.content[0].text)


def picture(content: Any) -> np.ndarray:
    assert content.type == "image"
    assert content.mime_type == "image/jpeg"
    return cv2.imdecode(np.frombuffer(base64.b64decode(content.data), np.uint8), cv2.IMREAD_COLOR)


def test_it_finds_what_the_library_finds(library: Library, films: Path) -> None:
    async def scene(client: Client) -> Any:
        found = await client.call_tool("search_moments", {"description": "a cat", "limit": 3})
        page = found.structured_content
        more = await client.call_tool(
            "search_moments", {"description": "a cat", "limit": 3, "after": page["next"] or ""}
        )
        still = await client.call_tool(
            "search_moments", {"description": "a cat", "folder": str(films / "nowhere")}
        )
        like = await client.call_tool("search_moments", {"like": page["moments"][0]["id"]})
        return page, more.structured_content, still.structured_content, like.structured_content

    page, more, still, like = asked(library, scene)
    expected = library.search("a cat", 3)
    times = [(one["path"], one["start"], one["end"], one["score"]) for one in page["moments"]]
    assert times == [(hit.path, hit.start, hit.end, hit.score) for hit in expected]
    assert page["moments"][0]["text"] == "cat.mp4"
    assert not {one["id"] for one in page["moments"]} & {one["id"] for one in more["moments"]}
    assert still["moments"] == []
    assert page["moments"][0]["id"] not in {one["id"] for one in like["moments"]}


def test_it_describes_the_library(library: Library, films: Path) -> None:
    found = asked(library, lambda client: client.call_tool("describe_library", {}))
    described = found.structured_content
    assert described["files"] == 3
    assert described["folders"] == [{"path": str(films), "files": 3}]
    assert described["moments"] == library.status().moments


def test_it_shows_a_frame_and_why(library: Library, films: Path) -> None:
    async def scene(client: Client) -> Any:
        found = await client.call_tool("search_moments", {"description": "a dog"})
        moments = found.structured_content["moments"]
        one = next(one for one in moments if one["path"].endswith("dog.mp4"))
        frame = await client.call_tool("get_frame", {"moment": one["id"], "time": 0.0})
        why = await client.call_tool(
            "get_relevance_picture", {"moment": one["id"], "description": "a dog"}
        )
        return frame, why

    frame, why = asked(library, scene)
    shown = picture(frame.content[0]).astype(int)
    assert shown.shape == (48, 64, 3)
    assert shown[24, 8].min() > 200  # the bright square is where the film begins
    words, strip = why.content
    assert words.text.startswith("score ")
    assert picture(strip).std() > 5


@pytest.mark.parametrize(
    ("tool", "given", "says"),
    [
        ("search_moments", {}, "nothing is asked for"),
        ("search_moments", {"description": "x", "after": "no token"}, "no place to go on from"),
        ("search_moments", {"description": "x", "limit": 1000}, "less than or equal to 50"),
        ("get_frame", {"moment": "../../etc/passwd"}, "no such moment"),
        ("get_frame", {"moment": "0123456789abcdef-0-1000"}, "no such video"),
        ("get_relevance_picture", {"moment": "x", "description": "x"}, "no such moment"),
    ],
)
def test_what_is_wrong_is_told(library: Library, tool: str, given: Any, says: str) -> None:
    result = asked(library, lambda client: client.call_tool(tool, given))
    assert says in told(result)
    assert "Traceback" not in told(result)


def test_a_file_that_is_another_one_now_is_not_shown(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 1, 1.0)
    library = Library(tmp_path / "l.fdaclip", FakeEncoder(), window=1.0)
    library.add(path)
    path.unlink()
    path.symlink_to(film(tmp_path / "private" / "b.mp4", 2, 1.0))

    async def scene(client: Client) -> Any:
        found = await client.call_tool("search_moments", {"description": "x"})
        one = found.structured_content["moments"][0]["id"]
        why = {"moment": one, "description": "x"}
        frame = await client.call_tool("get_frame", {"moment": one})
        return frame, await client.call_tool("get_relevance_picture", why)

    frame, why = asked(library, scene)
    assert told(frame)
    assert told(why)


# --- indexing ------------------------------------------------------------------------------------


@pytest.fixture
def indexed(library: Library, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that were indexed, in place of a process with a real model."""
    paths = []

    async def index(jobs: Jobs, path: str, tell: Any) -> wire.JobReport:
        paths.append(path)
        bad = [Failure("/x.mp4", "empty")]
        return report(AddReport(found=2, encoded=1, moments=3, bad=bad))

    monkeypatch.setattr(served, "index", index)
    return paths


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize(
    ("answer", "done"),
    [
        (ElicitResult(action="accept", content={"index": True}), True),
        (ElicitResult(action="accept", content={"index": False}), False),
        (ElicitResult(action="decline"), False),
        (ElicitResult(action="cancel"), False),
    ],
)
def test_the_person_is_asked(
    library: Library, films: Path, indexed: list[str], mode: Any, answer: ElicitResult, done: bool
) -> None:
    """Whatever the assistant says of it: `confirm` counts only where nobody can be asked."""
    questions = []

    async def person(_: Any, question: Any) -> ElicitResult:
        questions.append(question.message)
        return answer

    given = {"path": str(films), "confirm": True}
    result = asked(
        library,
        lambda client: client.call_tool("index_folder", given),
        mode=mode,
        elicitation_callback=person,
    )
    assert len(questions) == 1
    assert str(films) in questions[0]
    assert indexed == ([str(films)] if done else [])
    assert bool(result.is_error) != done
    if done:
        assert result.structured_content["bad"] == ["/x.mp4: empty"]


def test_who_cannot_be_asked_must_have_been(
    library: Library, films: Path, indexed: list[str]
) -> None:
    async def scene(client: Client) -> Any:
        refused = await client.call_tool("index_folder", {"path": str(films)})
        nothing = await client.call_tool("index_folder", {"path": "/nowhere", "confirm": True})
        done = await client.call_tool("index_folder", {"path": str(films), "confirm": True})
        return refused, nothing, done

    refused, nothing, done = asked(library, scene)
    assert "ask the person first" in told(refused)
    assert "there is no '/nowhere'" in told(nothing)
    assert not done.is_error
    assert indexed == [str(films)]


def test_a_read_only_server_has_no_tool_that_writes(library: Library) -> None:
    async def scene(client: Client) -> Any:
        return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in asked(library, scene)}
    assert set(tools) == TOOLS
    assert not tools["index_folder"].annotations.read_only_hint
    assert "agreed" not in tools["index_folder"].input_schema["properties"]
    tools = {tool.name: tool for tool in asked(library, scene, read_only=True)}
    assert set(tools) == TOOLS - {"index_folder"}
    assert all(tool.annotations.read_only_hint for tool in tools.values())


def program(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """One in the place of that which indexes."""
    monkeypatch.setattr(jobs, "COMMAND", [PYTHON, "-S", "-c", "\n".join(lines)])


def said(**what: Any) -> str:
    return f"print({Said(**what).model_dump_json()!r}, flush=True)"


READ = "import sys, time; order = sys.stdin.buffer.readline()"
PROGRESS = said(progress=progress(Progress(2, 1, 0, 0.5, 1.0, 1.0, "/x.mp4")))


def test_indexing_tells_how_far_it_is(
    library: Library, films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = said(report=report(AddReport(found=2, encoded=1, moments=3)))
    program(monkeypatch, READ, PROGRESS, "time.sleep(1)", done)
    heard: list[Any] = []

    async def hear(seconds: float, total: Any, message: Any) -> None:
        heard.append((seconds, message))

    given = {"path": str(films), "confirm": True}
    result = asked(
        library,
        lambda client: client.call_tool("index_folder", given, progress_callback=hear),
    )
    assert result.structured_content["moments"] == 3
    assert set(heard) == {(1.0, "1 of 2 files")}


def test_indexing_that_fails_says_why(
    library: Library, films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = wire.Told(code="failed", message="it is being written to", hint="wait")
    program(monkeypatch, READ, said(error=error))
    given = {"path": str(films), "confirm": True}
    result = asked(library, lambda client: client.call_tool("index_folder", given))
    assert "it is being written to; wait" in told(result)


@pytest.mark.parametrize("how", ["cancelled", "its server ends"])
def test_stopped_indexing_ends_in_good_order(
    library: Library, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    done = said(report=report(AddReport(encoded=1)), interrupted=True)
    program(monkeypatch, READ, PROGRESS, "sys.stdin.buffer.read()", done)
    service = Service(library)

    async def scene() -> None:
        async def tell(job: wire.Job) -> None:
            if how == "cancelled":
                task.cancel()
            else:
                service.close()

        task = asyncio.create_task(indexing.index(service.jobs, "/x", tell))
        with pytest.raises(asyncio.CancelledError if how == "cancelled" else LibraryError):
            await task

    asyncio.run(scene())
    (job,) = service.jobs.told().jobs
    assert job.state == "cancelled" and job.report and job.report.encoded == 1


# --- transports ----------------------------------------------------------------------------------


def test_over_http_only_for_its_own_names_and_who_knows_the_token(library: Library) -> None:
    app = Guard(
        served.create_server(library).streamable_http_app(), token="secret", largest=1 << 20
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/mcp"

    async def scene() -> None:
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            bearer = {"Authorization": "Bearer secret"}
            async with httpx2.AsyncClient(headers=bearer) as http:
                transport = streamable_http_client(address, http_client=http)
                async with Client(transport) as client:
                    assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
                    found = await client.call_tool("search_moments", {"description": "a cat"})
                    assert found.structured_content["moments"]
                for headers, status in (
                    ({"Host": "evil.example"}, 421),
                    ({"Origin": "http://evil.example"}, 403),
                    ({"Authorization": "Bearer wrong"}, 401),
                ):
                    answer = await http.post(address, headers=headers, json={})
                    assert answer.status_code == status
        finally:
            server.should_exit = True
            await serving

    asyncio.run(asyncio.wait_for(scene(), 120))


def test_over_stdio_nothing_but_the_protocol_is_on_stdout(library: Library, films: Path) -> None:
    """As a client starts it; the moments are found by an example, for which no model is loaded."""
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "fdaclip", "mcp", "--library", str(library.folder)],
    )

    async def scene() -> Any:
        async with Client(command) as client:
            described = await client.call_tool("describe_library", {})
            found = library.search("a cat", 1)[0]
            from fdaclip.library.names import to_key
            from fdaclip.serve.ids import moment_id, video_id

            like = moment_id(video_id(to_key(found.path)), found.start, found.end)
            return described, await client.call_tool("search_moments", {"like": like})

    described, found = asyncio.run(asyncio.wait_for(scene(), 120))
    assert described.structured_content["files"] == 3
    assert found.structured_content["moments"]


def test_the_sheet_has_the_layers_in_rows(library: Library, films: Path) -> None:
    from PIL import Image

    from fdaclip.serve.relevance_pictures import pictures
    from fdaclip.serve.why import why

    found = why(library, str(films / "cat.mp4"), 0.0, 2.0, "a cat", 3)
    sheet = Image.open(io.BytesIO(served.sheet(found)))
    count = len(found.frames)
    height, width = pictures(found.frames[0], found.scale)["mask"].shape[:2]
    assert sheet.width == count * width + (count - 1) * served.GAP
    assert sheet.height == 4 * height + 3 * served.GAP
