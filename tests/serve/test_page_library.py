"""What a person does on the library page, in a real browser, against a real server.

States that a small library does not come to by itself (a server that goes, hours of indexing) are
answered by the test in the server's place, in the models of the wire.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from page_server import barriers, library_of_films, serving, until, wider_than_its_window
from tiny_films import film

pytest.importorskip("playwright", reason="the extra browser is not installed")
from playwright.sync_api import Page, Route, expect

from fdaclip.serve import wire

pytestmark = pytest.mark.browser
JOB = "00112233445566ff"
FAULT = wire.Fault(video="0123456789abcdef", path="/films/empty.mp4", reason="zero bytes")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the library that the server serves."""
    return tmp_path_factory.mktemp("growing")


@pytest.fixture(scope="module")
def address(films: Path) -> Iterator[str]:
    """Of a server whose library these tests add to."""
    with serving(library_of_films(films, ("meadow", "harbour"))) as address:
        yield address


# --- answers in the server's place ---------------------------------------------------------------


def facts(page: Page, **changed: Any) -> None:
    """Let the library be as it is, but for these."""
    page.route(
        "**/api/v1/library", lambda route: route.fulfill(json=route.fetch().json() | changed)
    )


def progress(**changed: Any) -> wire.JobProgress:
    told: dict[str, Any] = {
        "files": 48,
        "done": 12,
        "bad": 2,
        "share": 0.31,
        "seconds": 900.0,
        "elapsed": 63.0,
    }
    told |= {"rate": 34.2, "left": 137.0, "current": "/films/new/sea.mp4"}
    return wire.JobProgress.model_validate(told | changed)


def report(**changed: Any) -> wire.JobReport:
    numbers = dict.fromkeys(wire.JobReport.model_fields, 0)
    return wire.JobReport.model_validate(
        numbers | {"bad": [], "partial": [], "summary": ""} | changed
    )


def job(state: str = "running", **changed: Any) -> wire.Job:
    over = state not in ("running", "stopping")
    told = {
        "id": JOB,
        "state": state,
        "paths": ["/films/new"],
        "retry": False,
        "began": time.time() - 60,
        "ended": time.time() if over else None,
        "progress": progress(),
        "report": report(found=1, encoded=1, moments=4) if over and state != "failed" else None,
        "error": None,
    }
    return wire.Job.model_validate(told | changed)


@dataclass
class Jobs:
    """The jobs of a server that is not there: what they are now, and what was asked for."""

    now: wire.Job | None
    asked: list[Any]
    gone: bool = False
    refused: tuple[int, wire.Error] | None = None
    begun: wire.Job | None = None

    def answer(self, route: Route) -> None:
        if self.gone:
            route.abort()
            return
        what = (route.request.method, route.request.url.rsplit("/api/v1/jobs", 1)[1])
        if what == ("POST", ""):
            self.asked.append(route.request.post_data_json)
            if self.refused:
                route.fulfill(status=self.refused[0], json=self.refused[1].model_dump())
                return
            self.now = self.begun or job()
        elif what[0] == "DELETE":
            self.asked.append("cancel")
            self.now = job("stopping")
        if what == ("GET", ""):
            running = self.now.id if self.now and self.now.ended is None else None
            told = wire.Jobs(jobs=[self.now] if self.now else [], running=running)
            route.fulfill(json=told.model_dump())
        elif self.now is None:
            route.fulfill(status=404, json=refusal("no_such_job", "no such job").model_dump())
        elif what[1].endswith("/events"):
            name = "progress" if self.now.ended is None else "end"
            body = f"event: {name}\ndata: {self.now.model_dump_json()}\n\n"
            route.fulfill(body=body, content_type="text/event-stream")
        else:
            route.fulfill(json=self.now.model_dump())


def jobs(page: Page, now: wire.Job | None = None) -> Jobs:
    """Let the server have this job, or none."""
    made = Jobs(now, [])
    page.route(re.compile(r"/api/v1/jobs(/|$)"), made.answer)
    return made


def refusal(code: str, message: str, hint: str = "") -> wire.Error:
    return wire.Error(error=wire.Told(code=code, message=message, hint=hint))


# --- what is there -------------------------------------------------------------------------------


def test_what_is_indexed(page: Page, films: Path) -> None:
    page.goto("/library")
    expect(page.get_by_role("heading", level=1)).to_have_text("l")
    expect(page.locator(".lib-about")).to_contain_text(str(films / "l.fdaclip"))
    expect(page.locator(".lib-about")).to_contain_text("searched with the model model")
    expect(page.locator(".lib-facts")).to_contain_text("moments")
    expect(page.locator(".lib-video")).to_have_count(2)
    expect(page.locator(".lib-video").first).to_contain_text("0:08 · 4 moments")
    until(page, "document.querySelector('.lib-shot img').naturalWidth > 0")
    facts(page, recall=0.974)
    page.reload()
    expect(page.locator(".lib-facts")).to_contain_text("97.4 %")


def test_a_video_opens_in_the_player_and_closes_again(page: Page) -> None:
    page.goto("/library")
    page.get_by_role("link", name="harbour.mp4").click()
    dialog = page.locator("dialog.moment")
    expect(dialog.locator(".player video")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/library\?m=[\w-]+$"))
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page).to_have_url(re.compile(r"/library$"))
    expect(page.locator(".lib-video")).to_have_count(2)


def test_a_folder_leads_to_a_search_in_it(page: Page, films: Path) -> None:
    page.goto("/library")
    page.get_by_role("link", name=re.compile("videos: search in it")).click()
    expect(page.get_by_role("heading", name="Find the moment")).to_be_visible()
    expect(page.get_by_text(f"In {films / 'films'}")).to_be_visible()
    with page.expect_request(re.compile(r"search\?q=square.*folder=")):
        page.get_by_role("searchbox").fill("square")
    expect(page.locator(".hit[data-id]").first).to_be_visible()


def test_folders_are_found_by_a_part_of_their_name(page: Page) -> None:
    many = [{"path": f"/films/{name}", "files": 3} for name in "abcdefghijk"]
    facts(page, folders=[*many, {"path": "/films/Lofoten 2019", "files": 1}])
    page.goto("/library")
    expect(page.locator(".lib-folder")).to_have_count(12)
    page.get_by_label("Find a folder").fill("lofo")
    expect(page.locator(".lib-folder")).to_have_count(1)
    page.get_by_label("Find a folder").fill("nowhere")
    expect(page.get_by_text("No folder is called so.")).to_be_visible()


def test_videos_come_page_by_page(page: Page) -> None:
    asked = []

    def one_by_one(route: Route) -> None:
        asked.append(route.request.url)
        route.continue_(url=route.request.url.replace("limit=60", "limit=1"))

    page.route("**/api/v1/videos?*", one_by_one)
    page.goto("/library")
    expect(page.locator(".lib-video")).to_have_count(2)
    assert sum("after=" in url for url in asked) == 1


def test_the_list_is_of_a_folder_or_a_state(page: Page, films: Path) -> None:
    facts(page, bad=[FAULT.model_dump()])
    page.goto("/library")
    with page.expect_request(re.compile(r"videos\?.*state=bad")):
        page.get_by_role("button", name="Could not be read 1").click()
    expect(page.get_by_text("No video is here that is like that.")).to_be_visible()
    page.get_by_role("button", name="All", exact=True).click()
    with page.expect_request(re.compile(r"videos\?folder=")):
        page.get_by_role("button", name=f"List the videos in {films / 'films'}").click()
    expect(page.locator(".lib-video")).to_have_count(2)
    page.get_by_role("button", name="All folders").click()
    expect(page).to_have_url(re.compile(r"/library$"))


def test_disks_and_files_that_are_not_there(page: Page) -> None:
    away = {"mount": "/media/archive", "files": 420}
    facts(page, offline=[away], missing=["/films/old/a.mp4", "/films/old/b.mp4"])
    page.goto("/library")
    expect(page.get_by_role("heading", name="A disk is not connected")).to_be_visible()
    page.get_by_role("button", name="Show: A disk is not connected").click()
    expect(page.get_by_text("/media/archive")).to_be_visible()
    expect(page.get_by_text("420 videos", exact=True)).to_be_visible()
    expect(page.get_by_text("add the folder where they are now")).to_be_visible()
    page.get_by_role("button", name="Show: 2 files are gone").click()
    expect(page.get_by_text("a.mp4")).to_be_visible()


def test_an_empty_library_asks_for_a_folder(page: Page) -> None:
    nothing: dict[str, Any] = dict.fromkeys(("files", "moments", "hours"), 0)
    facts(page, **nothing, folders=[])
    page.goto("/library")
    expect(page.get_by_role("heading", name="Nothing is indexed yet")).to_be_visible()
    expect(page.get_by_label("Add a folder")).to_be_visible()
    expect(page.get_by_role("heading", name="Videos")).to_be_hidden()


def test_a_server_that_only_reads_says_why_nothing_can_be_added(page: Page) -> None:
    facts(page, read_only=True, bad=[FAULT.model_dump()])
    page.goto("/library")
    expect(page.get_by_text("--read-only")).to_be_visible()
    expect(page.get_by_label("Add a folder")).to_have_count(0)
    expect(page.get_by_role("heading", name="A file could not be read")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Try again|Look for new"))).to_have_count(0)


def test_a_server_that_is_gone_when_the_page_opens(page: Page) -> None:
    page.route("**/api/v1/library", lambda route: route.abort())
    page.goto("/library")
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    page.unroute("**/api/v1/library")
    expect(page.locator(".lib-video")).to_have_count(2)  # it asks again by itself


# --- adding --------------------------------------------------------------------------------------


def add(page: Page, path: str) -> None:
    page.goto("/library")
    page.get_by_label("Add a folder").fill(path)
    page.keyboard.press("Enter")


def test_a_path_that_cannot_be_is_told_in_its_place(page: Page) -> None:
    server = jobs(page)
    add(page, "Videos/summer")
    field = page.get_by_label("Add a folder")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    expect(page.locator("#add-wrong")).to_contain_text("Write the whole path")
    assert server.asked == []
    server.refused = 404, refusal("no_such_path", "there is no '/fims'", "mend the path")
    field.fill('"/fims"')  # as file managers copy it
    expect(page.locator("#add-wrong")).to_be_empty()
    page.keyboard.press("Enter")
    expect(page.locator("#add-wrong")).to_have_text("There is no '/fims'. Mend the path")
    expect(field).to_have_value('"/fims"')
    assert server.asked == [{"paths": ["/fims"], "videos": [], "retry": False}]


def test_known_folders_are_looked_through_anew(page: Page) -> None:
    facts(page, folders=[{"path": path, "files": 2} for path in ("/a/b", "/a", "/ab")])
    server = jobs(page)
    server.begun = job("done", report=report(found=6, unchanged=6))
    page.goto("/library")
    page.get_by_role("button", name="Look for new videos", exact=True).click()
    expect(page.get_by_role("heading", name="Nothing new")).to_be_visible()
    with page.expect_response(re.compile("/jobs$")):
        page.get_by_role("button", name="Look for new videos in /a/b").click()
    assert [asked["paths"] for asked in server.asked] == [["/a", "/ab"], ["/a/b"]]


def test_how_far_it_is_and_stopping_it(page: Page) -> None:
    server = jobs(page)
    server.begun = job(progress=None)
    add(page, "/films/new")
    expect(page.get_by_text("Looking which videos there are")).to_be_visible()
    server.now = job()
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "31")
    work = page.locator(".lib-work")
    for words in ("12 of 48 files", "2 could not be read", "34 × real time", "about 3 min left"):
        expect(work).to_contain_text(words)
    expect(work).to_contain_text("sea.mp4")
    expect(page).to_have_title(re.compile(r"^31 %"))
    assert page.get_by_role("button", name="Look for new videos in").first.is_disabled()
    server.now = job(progress=progress(share=1.0, done=48, left=0.2))
    expect(work).to_contain_text("nearly done")
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Stopping")).to_be_disabled()
    assert server.asked[-1] == "cancel"
    server.now = job("cancelled", report=report(found=9, encoded=3, moments=20, seconds=60))
    expect(page.get_by_role("heading", name="Stopped; 3 videos added: 20 moments")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    assert server.asked[-1] == {"paths": ["/films/new"], "videos": [], "retry": False}


def test_what_it_has_done_is_told_in_words(page: Page) -> None:
    done = report(
        found=48,
        encoded=44,
        moments=312,
        seconds=4820,
        elapsed=142,
        unchanged=1,
        moved=2,
        bad=[FAULT],
    )
    jobs(page, job("done", report=done))
    page.goto("/library")
    end = page.locator(".lib-end")
    expect(end.get_by_role("heading")).to_have_text("44 videos added: 312 moments")
    for words in ("1 h 20 min of film in 2 min 22 s", "1 known already", "2 moved, and recognised"):
        expect(end).to_contain_text(words)
    expect(end).to_contain_text("empty.mp4")
    expect(end).to_contain_text("zero bytes")
    search = end.get_by_role("link", name="Search in them")
    expect(search).to_have_attribute("href", "/?folder=%2Ffilms%2Fnew")
    page.get_by_role("button", name="Put this away").click()
    expect(end).to_have_count(0)
    expect(page.get_by_label("Add a folder")).to_be_focused()


@pytest.mark.parametrize(
    ("done", "words"),
    [
        ({"found": 3, "unchanged": 3}, "Nothing new"),
        ({}, "No video was found there"),
        ({"found": 1, "bad": [FAULT]}, "No video could be added"),
    ],
)
def test_what_adds_nothing_says_why(page: Page, done: dict[str, Any], words: str) -> None:
    jobs(page, job("done", report=report(**done)))
    page.goto("/library")
    expect(page.locator(".lib-end").get_by_role("heading")).to_have_text(words)


def test_a_job_that_fails_says_what_to_do(page: Page) -> None:
    told = wire.Told(code="full", message="the disk is full", hint="make room")
    server = jobs(page, job("failed", error=told))
    page.goto("/library")
    expect(page.locator(".lib-end")).to_contain_text("The disk is full")
    expect(page.locator(".lib-end")).to_contain_text("Make room")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    assert server.asked[-1]["paths"] == ["/films/new"]


def test_a_job_at_work_is_there_when_the_page_is_opened(page: Page) -> None:
    server = jobs(page, job())
    page.goto("/library")
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "31")
    page.get_by_role("link", name="Search", exact=True).click()
    page.get_by_role("link", name="Library", exact=True).click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    server.now = job(progress=progress(share=0.5))
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "50")


def test_one_that_somebody_else_began_is_shown_instead(page: Page) -> None:
    server = jobs(page)
    page.goto("/library")
    expect(page.locator(".lib-video").first).to_be_visible()
    server.now = job()
    server.refused = 409, refusal("indexing", "something is being indexed")
    page.get_by_label("Add a folder").fill("/films/more")
    page.keyboard.press("Enter")
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.locator(".toast")).to_have_text("Something is being indexed")


def test_another_program_that_adds_is_told(page: Page) -> None:
    jobs(page)
    writing = [True]

    def health(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"indexing": writing[0]})

    page.route("**/api/v1/health", health)
    page.goto("/library")
    expect(page.get_by_text("Another program is adding to this library.")).to_be_visible()
    writing[0] = False
    expect(page.get_by_text("Another program")).to_have_count(0, timeout=10_000)


def test_a_server_that_goes_meanwhile_and_comes_back(page: Page) -> None:
    server = jobs(page, job())
    page.goto("/library")
    expect(page.get_by_role("progressbar")).to_be_visible()
    server.gone = True
    expect(page.get_by_text("The server does not answer. As soon as")).to_be_visible()
    server.now, server.gone = job(progress=progress(share=0.6)), False
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "60")
    expect(page.get_by_text("The server does not answer. As soon as")).to_be_hidden()
    server.now = None  # it was started anew
    expect(page.get_by_role("heading", name="started anew meanwhile")).to_be_visible()
    expect(page.get_by_label("Add a folder")).to_have_value("/films/new")


def test_bad_files_are_tried_again_one_or_all(page: Page) -> None:
    other = FAULT.model_copy(update={"video": "ff" * 8, "path": "/films/noise.avi"})
    facts(page, bad=[FAULT.model_dump(), other.model_dump()])
    server = jobs(page)
    server.begun = job("done", retry=True, paths=[], report=report(found=1, bad=[FAULT]))
    page.goto("/library")
    page.get_by_role("button", name="Show: 2 files could not be read").click()
    expect(page.get_by_text("zero bytes").first).to_be_visible()
    page.get_by_role("button", name="Try again: empty.mp4").click()
    expect(page.get_by_role("heading", name="It did not work this time either")).to_be_visible()
    with page.expect_response(re.compile("/jobs$")):
        page.get_by_role("button", name="Try all again").click()
    assert server.asked == [
        {"paths": [], "videos": [FAULT.video], "retry": True},
        {"paths": [], "videos": [FAULT.video, other.video], "retry": True},
    ]


# --- for everybody -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "look"),
    [(320, "dark"), (390, "light"), (1280, "dark"), (3840, "light")],
)
def test_nobody_is_kept_out(page: Page, width: int, look: Any) -> None:
    away = {"mount": "/media/archive", "files": 420}
    facts(page, offline=[away], missing=["/films/" + "long name " * 20], bad=[FAULT.model_dump()])
    server = jobs(page, job("done", report=report(found=3, encoded=2, moments=9, bad=[FAULT])))
    page.emulate_media(color_scheme=look, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 844})
    page.goto("/library")
    expect(page.locator(".lib-end")).to_be_visible()
    for _ in range(3):
        page.get_by_role("button", name="Show: ").first.click()
    assert barriers(page) == []
    assert not wider_than_its_window(page)
    server.now = job()
    page.reload()
    expect(page.get_by_role("progressbar")).to_be_visible()
    assert barriers(page) == []
    assert not wider_than_its_window(page)


# --- against the server itself -------------------------------------------------------------------


def test_a_folder_is_added_watched_and_found(page: Page, films: Path) -> None:
    for number in range(3):
        film(films / "more" / f"boat {number}.mp4", 10 + number, seconds=8, rate=12)
    (films / "more" / "empty.mp4").touch()
    add(page, str(films / "more"))
    expect(page.locator(".lib-work, .lib-end")).to_be_visible()
    expect(page.get_by_role("heading", name="3 videos added: 12 moments")).to_be_visible(
        timeout=60_000
    )
    expect(page.locator(".lib-end")).to_contain_text("1 could not be read")
    expect(page.locator(".lib-video")).to_have_count(6)
    page.get_by_role("link", name="Search in them").click()
    page.get_by_role("searchbox").fill("a white square")
    expect(page.locator(".hit .name").first).to_contain_text("boat")

    page.get_by_role("link", name="Library", exact=True).click()
    film(films / "more" / "empty.mp4", 20, seconds=8, rate=12)  # it is mended
    page.get_by_role("button", name=re.compile("^Try again: A file could not")).click()
    expect(page.get_by_role("heading", name="It worked: 1 video added: 4 moments")).to_be_visible(
        timeout=60_000
    )
    expect(page.get_by_role("heading", name="A file could not be read")).to_have_count(0)


def test_a_job_is_cancelled(page: Page, films: Path) -> None:
    for number in range(6):
        film(films / "long" / f"{number}.mp4", 30 + number, seconds=120, rate=12)
    add(page, str(films / "long"))
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name=re.compile("^Stopped"))).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Go on")).to_be_visible()
