"""What a person does on the search page, in a real browser, against a real server."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from page_server import until, wider_than_its_window

pytest.importorskip("playwright", reason="the extra browser is not installed")
from playwright.sync_api import Page, Route, expect

pytestmark = pytest.mark.browser
HITS = ".hit[data-id]"
PLAYS = "at => (v => v && v.readyState > 1 && !v.paused)(document.querySelector(at))"
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmM"
    "IQAAAABJRU5ErkJggg=="
)


def found(page: Page, words: str) -> None:
    """Search, and wait for the answer."""
    page.goto("/")
    page.get_by_role("searchbox").fill(words)
    expect(page.locator(HITS).first).to_be_visible()
    expect(page.locator("body[data-busy]")).to_have_count(0)


def answers(page: Page, **changed: Any) -> None:
    """Let every hit and page of the server's answers have these values."""

    def change(route: Route) -> None:
        told = route.fetch().json()
        told |= {name: value for name, value in changed.items() if name in told}
        for hit in told["hits"]:
            hit |= {name: value for name, value in changed.items() if name in hit}
        route.fulfill(json=told)

    page.route("**/api/v1/search?*", change)


def playing(page: Page, where: str) -> float:
    """s that a video is at, once it runs."""
    until(page, PLAYS, where)
    return float(page.evaluate("where => document.querySelector(where).currentTime", where))


def test_home_shows_the_library(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_text("4 videos")).to_be_visible()
    expect(page.get_by_role("button", name="Open harbour.mp4")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_be_focused()


def test_search_as_one_types(page: Page) -> None:
    page.goto("/")
    page.keyboard.type("a white square", delay=20)
    expect(page.locator(HITS).first).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?q=a\+white\+square$"))
    card = page.locator(HITS).first
    expect(card.locator(".time")).to_have_text(re.compile(r"^0:0\d – 0:0\d$"))
    expect(card.locator(".name")).to_have_text(re.compile(r"\.mp4$"))
    until(page, "document.querySelector('.hit img').naturalWidth > 0")
    page.go_back()
    expect(page.get_by_role("heading", name="Find the moment")).to_be_visible()


def test_an_answer_that_comes_late_is_not_shown(page: Page) -> None:
    asked = []

    def slow(route: Route) -> None:
        asked.append(route.request.url)
        if "q=first" in route.request.url:
            page.wait_for_timeout(600)
            body = {"query": "first", "nothing": False, "took_ms": 1, "hits": [], "next": None}
            route.fulfill(json=body | {"searched": 4})
        else:
            route.continue_()

    page.route("**/api/v1/search?*", slow)
    page.goto("/")
    box = page.get_by_role("searchbox")
    box.fill("first")
    box.fill("second")
    expect(page.locator(HITS).first).to_be_visible()
    page.wait_for_timeout(900)
    expect(page.locator(HITS).first).to_be_visible()
    assert any("q=first" in url for url in asked)


def test_hovering_plays_the_moment(page: Page) -> None:
    found(page, "a square")
    card = page.locator(HITS).filter(has_text=re.compile("0:0[2-9]")).first
    start = int(card.get_attribute("data-id").split("-")[1]) / 1000
    card.hover()
    expect(card.locator("video")).to_be_visible()
    assert playing(page, ".hit video") >= start - 0.2
    page.get_by_role("searchbox").hover()
    expect(card.locator("video")).to_have_count(0)


def test_a_moment_opens_where_it_starts(page: Page) -> None:
    found(page, "a square")
    card = page.locator(HITS).filter(has_text=re.compile("0:0[2-9] –")).first
    start = int(card.get_attribute("data-id").split("-")[1]) / 1000
    card.locator(".hit-link").click()
    dialog = page.locator("dialog.moment")
    expect(dialog.locator(".player video")).to_be_visible()
    assert start - 0.2 <= playing(page, ".player video") < start + 2.5
    expect(dialog.locator(".curves path.similar")).to_have_count(1)
    expect(dialog.locator(".curves path.moves")).to_have_count(1)

    link = page.url
    page.go_back()
    expect(dialog).to_have_count(0)
    expect(card.locator(".hit-link")).to_be_focused()
    page.goto(link)  # as somebody would to whom it was sent
    expect(dialog.locator(".player video")).to_be_visible()
    assert playing(page, ".player video") >= start - 0.2


def test_the_timeline_seeks(page: Page) -> None:
    found(page, "a square")
    page.locator(".hit-link").first.click()
    playing(page, ".player video")
    line = page.get_by_role("slider", name="Position in the video")
    box = line.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + box["height"] / 2)
    page.keyboard.press("Space")
    at = float(page.evaluate("document.querySelector('.player video').currentTime"))
    assert at == pytest.approx(6, abs=0.8)
    page.keyboard.press("ArrowLeft")
    until(page, "at => document.querySelector('.player video').currentTime < at - 0.7", at)


def test_why_it_matched(page: Page) -> None:
    found(page, "a square")
    page.locator(".hit-link").first.click()
    page.get_by_role("button", name="Why it matched").click()
    panel = page.get_by_role("region", name="Why it matched")
    for row in ("What moves", "What counted", "With the mask off"):
        expect(panel.get_by_role("heading", name=row)).to_be_visible(timeout=30000)
    until(page, "[...document.querySelectorAll('.why-frame img')].every(i => i.naturalWidth > 0)")
    assert page.locator(".why-frame").count() % 3 == 0
    expect(page).to_have_url(re.compile("why=1"))


def test_filters_are_chips(page: Page) -> None:
    found(page, "a square")
    with page.expect_request(re.compile(r"motion=still")):
        page.get_by_role("button", name="Still", exact=True).click()
    expect(page.get_by_role("button", name="Still", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    page.get_by_role("button", name="Still", exact=True).click()
    page.get_by_role("button", name="Length").click()
    page.get_by_label("Video longer than, s").fill("100")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("heading", name="Nothing passes these filters")).to_be_visible()
    page.get_by_role("button", name="Remove: over 100 s").click()
    expect(page.locator(HITS).first).to_be_visible()


def select(page: Page, *places: int) -> list[str | None]:
    """Tick moments; their ids."""
    found(page, "a square")
    for place in places:
        page.locator(HITS).nth(place).hover()
        page.locator(HITS).nth(place).locator(".select").click()
    expect(page.get_by_text(f"{len(places)} selected")).to_be_visible()
    return [page.locator(HITS).nth(place).get_attribute("data-id") for place in places]


def test_what_is_selected_is_asked_for_as_a_file(page: Page) -> None:
    asked = []

    def answer(route: Route) -> None:
        asked.append(route.request.post_data_json)
        name = "attachment; filename=\"_t_.csv\"; filename*=UTF-8''%C3%A9t%C3%A9.csv"
        headers = {"Content-Disposition": name}
        route.fulfill(body="path,start,end", content_type="text/csv", headers=headers)

    page.route("**/api/v1/export", answer)
    ids = select(page, 0, 2)
    page.get_by_role("button", name="Export").click()
    page.get_by_label("CSV").check()
    with page.expect_download() as download:
        page.get_by_role("dialog").get_by_role("button", name="Export").click()
    assert asked == [{"moments": ids, "how": "csv"}]
    assert download.value.suggested_filename == "été.csv"
    assert Path(download.value.path()).read_text() == "path,start,end"
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_an_export_that_fails_says_so_in_its_place(page: Page) -> None:
    told = {"error": {"code": "full", "message": "the disk is full", "hint": "make room"}}
    page.route("**/api/v1/export", lambda route: route.fulfill(status=507, json=told))
    select(page, 1)
    page.keyboard.press("e")
    page.get_by_role("dialog").get_by_role("button", name="Export").click()
    expect(page.get_by_role("dialog")).to_contain_text("The disk is full. Make room")


def test_the_server_makes_the_list(page: Page) -> None:
    ids = select(page, 0, 2)
    page.get_by_role("button", name="Export").click()
    page.get_by_label("JSON").check()
    with page.expect_download() as download:
        page.get_by_role("dialog").get_by_role("button", name="Export").click()
    listed = json.loads(Path(download.value.path()).read_text())
    assert len(listed if isinstance(listed, list) else listed["moments"]) == len(ids)


def test_more_like_this(page: Page) -> None:
    found(page, "a square")
    card = page.locator(HITS).nth(1)
    like = card.get_attribute("data-id")
    card.hover()
    card.locator(".like").click()
    expect(page).to_have_url(re.compile(f"like={like}"))
    expect(page.get_by_text("Like this moment")).to_be_visible()
    expect(page.locator(HITS).first).to_be_visible()


def test_a_dropped_picture_is_searched_with(page: Page) -> None:
    page.goto("/")
    with page.expect_response("**/api/v1/search") as answered:
        page.evaluate(
            """text => {
                const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
                const carried = new DataTransfer();
                carried.items.add(new File([bytes], "dot.png", { type: "image/png" }));
                for (const kind of ["dragenter", "dragover", "drop"])
                    window.dispatchEvent(new DragEvent(kind, { dataTransfer: carried }));
            }""",
            PIXEL,
        )
    assert answered.value.status == 200
    expect(page.locator(".token")).to_contain_text("dot.png")
    expect(page.locator(HITS).first).to_be_visible()
    page.get_by_role("button", name="Remove: dot.png").click()
    expect(page.get_by_role("heading", name="Find the moment")).to_be_visible()


def test_a_file_that_is_no_picture_is_told(page: Page) -> None:
    page.goto("/")
    picture = {"name": "no.png", "mimeType": "image/png", "buffer": base64.b64decode("AAAA")}
    page.get_by_label("Picture or clip").set_input_files(picture)
    expect(page.get_by_role("alert")).to_be_visible()


def test_with_the_keyboard_alone(page: Page) -> None:
    found(page, "a square")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".hit-link").nth(0)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".hit-link").nth(1)).to_be_focused()
    page.keyboard.press("Space")
    playing(page, ".hit video")
    page.keyboard.press("x")
    expect(page.get_by_text("1 selected")).to_be_visible()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog.moment")
    expect(dialog.get_by_text("2 / ")).to_be_visible()
    page.keyboard.press("n")
    expect(dialog.get_by_text("3 / ")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator(".hit-link").nth(2)).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()


def test_nothing_looks_like_that(page: Page) -> None:
    answers(page, nothing=True)
    found(page, "a square")
    expect(page.get_by_role("heading", name="Nothing here looks like that")).to_be_visible()
    expect(page.locator(".grid.faint")).to_be_visible()


def test_an_offline_disk(page: Page) -> None:
    answers(page, offline=True)
    found(page, "a square")
    expect(page.locator(".offline").first).to_be_visible()
    page.locator(".hit-link").first.click()
    expect(page.get_by_role("heading", name="is not connected")).to_be_visible()


def test_a_server_that_is_gone_and_comes_back(page: Page) -> None:
    page.goto("/")
    page.route("**/api/v1/search?*", lambda route: route.abort())
    page.get_by_role("searchbox").fill("a square")
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    page.unroute("**/api/v1/search?*")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(HITS).first).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_busy_server_is_asked_again(page: Page) -> None:
    asked = []

    def busy_once(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) > 1:
            route.continue_()
            return
        told = {"error": {"code": "busy", "message": "too many ask at once", "hint": ""}}
        route.fulfill(status=503, headers={"Retry-After": "1"}, json=told)

    page.route("**/api/v1/search?*", busy_once)
    found(page, "a square")
    assert len(asked) >= 2


def test_a_picture_is_left_behind_at_home(page: Page) -> None:
    page.goto("/")
    dot = {"name": "dot.png", "mimeType": "image/png", "buffer": base64.b64decode(PIXEL)}
    page.get_by_label("Picture or clip").set_input_files(dot)
    expect(page.locator(HITS).first).to_be_visible()
    page.get_by_role("link", name="Search", exact=True).click()
    expect(page.get_by_role("heading", name="Find the moment")).to_be_visible()
    expect(page.locator(".token")).to_be_hidden()


@pytest.mark.parametrize("width", [320, 390, 3840])
def test_nothing_is_wider_than_the_window(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto("/")
    expect(page.get_by_text("4 videos")).to_be_visible()
    assert not wider_than_its_window(page)
    found(page, "a square")
    assert not wider_than_its_window(page)
    page.locator(".hit-link").first.click()
    expect(page.locator(".player")).to_be_visible()
    assert not page.evaluate(
        "(d => d.scrollWidth > d.clientWidth)(document.querySelector('dialog.moment'))"
    )
