"""What a person does on the model page and in the API's documentation, in a real browser."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_server import barriers, until, wider_than_its_window
from tiny_films import film

pytest.importorskip("playwright", reason="the extra browser is not installed")
from playwright.sync_api import Page, Route, expect

pytestmark = pytest.mark.browser
THUMBS = ".strip .thumb"
FILE = "Video file"
REPORT = """<!doctype html><title>Shapes: R@1 94.1</title><style>h1 { color: rgb(1, 2, 3) }</style>
<h1>R@1</h1><script>document.title = "a script ran"</script>"""
expect.set_options(timeout=20_000)  # masks are made by processes that have to start
BUSY = {"error": {"code": "busy", "message": "too many are asking at once", "hint": ""}}


@pytest.fixture(scope="module")
def videos(address: str) -> dict[str, str]:
    """Ids by name."""
    with urllib.request.urlopen(f"{address}/api/v1/videos") as answer:
        return {video["name"]: video["id"] for video in json.load(answer)["videos"]}


def shown(page: Page, path: str = "/model") -> None:
    """Go there, and wait for the masks."""
    page.goto(path)
    expect(page.locator(THUMBS).first).to_be_visible(timeout=30_000)


def asked(page: Page) -> list[str]:
    """The bodies of what the page asks the server for masks with, as they come."""
    bodies: list[str] = []
    page.on(
        "request",
        lambda told: (
            bodies.append((told.post_data_buffer or b"").decode("latin-1"))
            if told.url.endswith("/api/v1/masks") and told.method == "POST"
            else None
        ),
    )
    return bodies


def field(body: str, name: str) -> str | None:
    """Of a form that was sent."""
    found = re.search(rf'name="{name}"\r\n\r\n(.*?)\r\n', body)
    return found[1] if found else None


def answered(page: Page, pattern: str, **changed: Any) -> None:
    """Let an answer of the server have these values."""
    page.route(pattern, lambda route: route.fulfill(json=route.fetch().json() | changed))


def test_it_opens_with_masks_at_work(page: Page, videos: dict[str, str]) -> None:
    shown(page)
    expect(page.get_by_role("heading", name="What moves", exact=True)).to_be_visible()
    expect(page.locator(THUMBS)).to_have_count(8)
    expect(page.locator(".caption")).to_contain_text(re.compile(r"\d+(\.\d)? % of the picture"))
    expect(page.get_by_role("status").filter(has_text="8 frames")).to_be_visible()
    assert any(f"video={one}" in page.url for one in videos.values()) and "start=" in page.url
    until(page, "document.querySelector('.screen .layer-mask').naturalWidth > 0")


def test_a_setting_is_turned_and_put_back(page: Page) -> None:
    shown(page)
    bodies = asked(page)
    slider = page.get_by_role("slider", name="Threshold")
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"deviations=8\.5"))
    expect(page.locator("[data-busy]")).to_have_count(0)
    assert [field(body, "deviations") for body in bodies] == ["8.5"]  # once, when it rested
    expect(page.get_by_role("slider", name="Threshold")).to_have_attribute("aria-valuetext", "8.5")
    page.get_by_role("button", name="Reset: Threshold").click()
    expect(page).not_to_have_url(re.compile("deviations"))
    page.get_by_role("switch", name="Soft outline").click()
    expect(page).to_have_url(re.compile("soft=false"))
    page.get_by_role("button", name="Reset all").click()
    expect(page.get_by_role("switch", name="Soft outline")).to_be_checked()
    expect(page).not_to_have_url(re.compile("soft"))


def test_what_moves_little_is_still(page: Page, videos: dict[str, str]) -> None:
    shown(page, f"/model?video={videos['meadow.mp4']}&min_share=0.05&min_component=0.05")
    expect(page.locator(".screen .kind")).to_have_text("Still")
    expect(page.locator(".caption")).to_contain_text("too little to point at")


def test_the_address_is_all_it_takes(page: Page, videos: dict[str, str]) -> None:
    link = f"/model?video={videos['meadow.mp4']}&start=2&end=5&frames=3&fill_holes=false"
    shown(page, link)
    expect(page.locator(THUMBS)).to_have_count(3)
    expect(page.locator(".source-name")).to_contain_text("meadow.mp4")
    expect(page.get_by_role("switch", name="Fill holes")).not_to_be_checked()
    expect(page.get_by_role("slider", name="Start")).to_have_value("2")
    expect(page.get_by_role("slider", name="Length")).to_have_value("3")
    assert page.url.endswith(link)
    page.get_by_role("slider", name="Frames").press("ArrowLeft")
    expect(page.locator(THUMBS)).to_have_count(2)


def test_a_video_of_the_library_is_chosen_by_typing(page: Page, videos: dict[str, str]) -> None:
    shown(page, f"/model?video={videos['harbour.mp4']}")
    page.get_by_role("button", name="Library…").click()
    expect(page.locator(".video")).to_have_count(4)
    page.keyboard.type("zebra")
    expect(page.get_by_text("No video is called like that")).to_be_visible()
    for _ in "zebra":
        page.keyboard.press("Backspace")
    page.keyboard.type("mead")
    expect(page.locator(".video")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("dialog")).to_have_count(0)
    expect(page).to_have_url(re.compile(videos["meadow.mp4"]))
    expect(page.locator(".source-name")).to_contain_text("meadow.mp4")
    page.go_back()
    expect(page.locator(".source-name")).to_contain_text("harbour.mp4")


def test_a_file_of_ones_own(page: Page, tmp_path: Path) -> None:
    film(tmp_path / "mine.mp4", 7, seconds=3, rate=12)
    shown(page)
    with page.expect_response("**/api/v1/masks") as answer:
        page.get_by_label(FILE).set_input_files(tmp_path / "mine.mp4")
    assert len(answer.value.json()["frames"]) == 8
    expect(page.locator(".source-name")).to_contain_text("mine.mp4")
    expect(page.locator(THUMBS)).to_have_count(8)
    page.get_by_role("slider", name="Grow").press("ArrowRight")
    expect(page).to_have_url(re.compile(r"dilate=0\.005"))
    assert "video=" not in page.url


def test_a_file_is_dropped_here_rather_than_searched_with(page: Page) -> None:
    shown(page)
    with page.expect_response("**/api/v1/masks") as answer:
        page.evaluate(
            """() => {
                const carried = new DataTransfer();
                carried.items.add(new File(["no film"], "notes.mp4", { type: "video/mp4" }));
                for (const kind of ["dragenter", "dragover", "drop"])
                    window.dispatchEvent(new DragEvent(kind, { dataTransfer: carried }));
            }"""
        )
    assert answer.value.status == 422
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("button", name="Choose another")).to_be_visible()
    assert "/model" in page.url


def test_a_file_that_is_too_large_is_told(page: Page) -> None:
    told = {"error": {"code": "too_large", "message": "a file may have 512 MB", "hint": ""}}
    page.route(
        "**/api/v1/masks",
        lambda route: (
            route.fulfill(status=413, json=told)
            if route.request.method == "POST"
            else route.continue_()
        ),
    )
    page.goto("/model")
    expect(page.get_by_role("alert")).to_contain_text("A file may have 512 MB")


def test_a_busy_server_is_asked_again(page: Page) -> None:
    refused = []

    def busy_once(route: Route) -> None:
        if route.request.method == "GET" or refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.fulfill(status=503, headers={"Retry-After": "1"}, json=BUSY)

    page.route("**/api/v1/masks", busy_once)
    page.goto("/model")
    expect(page.locator(".screen-note")).to_contain_text("much to do")
    expect(page.locator(THUMBS)).to_have_count(8)
    assert len(refused) == 1


def test_a_server_that_is_gone_and_comes_back(page: Page) -> None:
    page.route("**/api/v1/masks", lambda route: route.abort())
    page.goto("/model")
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    expect(page.get_by_role("slider", name="Start")).to_be_hidden()
    page.unroute("**/api/v1/masks")
    expect(page.locator(THUMBS)).to_have_count(8)  # by itself
    page.route("**/api/v1/masks", lambda route: route.abort())
    page.get_by_role("slider", name="Frames").press("ArrowLeft")
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    page.unroute("**/api/v1/masks")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(THUMBS)).to_have_count(7)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_only_the_last_question_is_answered(page: Page) -> None:
    shown(page)
    held: list[Route] = []

    def hold_one(route: Route) -> None:
        if route.request.method == "POST" and not held:
            held.append(route)  # it never comes
        else:
            route.continue_()

    page.route("**/api/v1/masks", hold_one)
    page.get_by_role("slider", name="Frames").press("ArrowLeft")
    until(page, "document.querySelector('[data-busy]')")
    page.get_by_role("slider", name="Frames").press("ArrowLeft")
    page.get_by_role("slider", name="Frames").press("ArrowRight")  # what was given up is wanted
    expect(page.locator(THUMBS)).to_have_count(7)
    expect(page.locator("[data-busy]")).to_have_count(0)


@pytest.mark.parametrize(
    ("changed", "says"),
    [({"offline": True}, "is not connected"), ({"duration": 0}, "From its beginning")],
)
def test_states_of_a_video(
    page: Page, videos: dict[str, str], changed: dict[str, Any], says: str
) -> None:
    answered(page, f"**/api/v1/videos/{videos['meadow.mp4']}", **changed)
    page.goto(f"/model?video={videos['meadow.mp4']}")
    expect(page.get_by_text(says)).to_be_visible()
    expect(page.get_by_role("button", name="Reset: Threshold")).to_be_hidden()


def test_an_unknown_video_and_an_empty_library(page: Page) -> None:
    page.goto("/model?video=0123456789abcdef")
    expect(page.get_by_role("alert")).to_contain_text("The library knows no such video")
    answered(page, "**/api/v1/videos?*", videos=[])
    page.goto("/model")
    expect(page.get_by_role("heading", name="No video yet")).to_be_visible()
    expect(page.get_by_role("link", name="Add a folder")).to_be_visible()


def test_keys_go_through_frames_and_layers(page: Page) -> None:
    shown(page)
    here = page.locator(f"{THUMBS}[aria-current]")
    first = here.get_attribute("aria-label")
    page.keyboard.press("ArrowRight")
    expect(here).not_to_have_attribute("aria-label", str(first))
    page.keyboard.press("ArrowLeft")
    expect(here).to_have_attribute("aria-label", str(first))
    for key, layer in (("1", "frame"), ("3", "alpha"), ("4", "difference")):
        page.keyboard.press(key)
        expect(page.locator(f".screen .layer-{layer}")).to_be_visible()
        expect(page.locator(".screen .layer-mask")).to_be_hidden()
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(here).not_to_have_attribute("aria-label", str(first))


def test_a_report_opens_and_may_do_nothing(page: Page, site: Path) -> None:
    (site / "shapes").mkdir()
    (site / "shapes" / "report.html").write_text(REPORT)
    page.goto("/model")
    with page.expect_popup() as popup:
        page.get_by_role("link", name="Shapes: R@1 94.1").click()
    report = popup.value
    expect(report.get_by_role("heading", name="R@1")).to_have_css("color", "rgb(1, 2, 3)")
    assert report.title() == "Shapes: R@1 94.1"


def test_no_reports_says_how_they_are_made(page: Page) -> None:
    page.route("**/api/v1/reports", lambda route: route.fulfill(json=[]))
    page.goto("/model")
    expect(page.get_by_text("fdaclip serve --reports")).to_be_visible()


# --- the API's own documentation -----------------------------------------------------------------


def test_every_operation_is_there_and_can_be_found(page: Page, address: str) -> None:
    with urllib.request.urlopen(f"{address}/api/v1/openapi.json") as answer:
        paths = json.load(answer)["paths"]
    page.goto("/api/docs")
    expect(page.locator(".operation")).to_have_count(sum(map(len, paths.values())))
    page.keyboard.press("/")
    page.keyboard.type("timeline")
    expect(page.locator(".operation:visible")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator(".operation:visible")).not_to_have_count(1)


def test_an_operation_is_linked_to_and_tried(page: Page, address: str) -> None:
    page.goto("/api/docs#get-search")
    card = page.locator("#get-search")
    expect(card.get_by_text("What should be seen, in words.")).to_be_visible()
    expect(card.get_by_text("integer, 1 to 200; 24 by default")).to_be_visible()
    card.get_by_text("Fields of Hit").click()
    expect(card.get_by_role("listitem").filter(has_text="confidence").last).to_contain_text(
        "how sure it is that it is meant"
    )
    form = card.get_by_role("form")
    form.get_by_label("q", exact=True).fill("a square")
    form.get_by_label("limit", exact=True).fill("1")
    expect(card.locator(".code")).to_contain_text(
        f"curl '{address}/api/v1/search?q=a+square&limit=1'"
    )
    form.get_by_role("button", name="Ask").click()
    expect(card.locator(".result")).to_contain_text("200 in ")
    told = json.loads(card.locator(".result pre").inner_text())
    assert len(told["hits"]) == 1
    expect(page.locator("#post-search")).not_to_have_attribute("open", "")
    page.goto("/api/docs#post-masks")
    expect(page.locator("#post-masks")).to_contain_text("multipart/form-data")
    expect(page.locator("#post-masks .code")).to_contain_text("-F 'upload=@FILE'")
    expect(page.locator("#post-masks form")).to_have_count(0)  # it is not to be tried by the way


def test_a_picture_that_is_asked_for_is_shown(page: Page, videos: dict[str, str]) -> None:
    page.goto("/api/docs#get-videos-video-thumbnail-jpg")
    card = page.locator("#get-videos-video-thumbnail-jpg")
    card.get_by_label("video (needed)").fill(videos["meadow.mp4"])
    card.get_by_role("button", name="Ask").click()
    until(page, "document.querySelector('.result img')?.naturalWidth > 0")


# --- all pages -----------------------------------------------------------------------------------


def every_view(page: Page) -> Iterator[str]:
    """Go through them, each as it is when it has all it shows; their names."""
    page.goto("/")
    expect(page.locator(".tile").first).to_be_visible()
    yield "home"
    page.get_by_role("searchbox").fill("a square")
    expect(page.locator(".hit[data-id]").first).to_be_visible()
    expect(page.locator("body[data-busy]")).to_have_count(0)
    yield "search"
    page.locator(".hit-link").first.click()
    page.get_by_role("button", name="Why it matched").click()
    expect(page.locator(".why-frame img").first).to_be_visible(timeout=30_000)
    yield "moment and why"
    page.goto("/library")
    expect(page.get_by_text("harbour.mp4").first).to_be_visible()
    yield "library"
    shown(page)
    yield "model"
    page.get_by_role("button", name="Library…").click()
    expect(page.locator(".video").first).to_be_visible()
    yield "choosing a video"
    page.goto("/api/docs#get-search")
    expect(page.locator("#get-search form")).to_be_visible()
    yield "API"


@pytest.mark.parametrize("look", ["light", "dark"])
def test_no_view_has_barriers(page: Page, look: str) -> None:
    page.emulate_media(color_scheme=look, reduced_motion="reduce")  # type: ignore[arg-type]
    found = {name: barriers(page) for name in every_view(page)}
    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.parametrize("width", [390, 3840])
def test_every_view_fits_and_asks_nobody_else(page: Page, address: str, width: int) -> None:
    wrong: list[str] = []
    page.on("console", lambda told: wrong.append(told.text) if told.type == "error" else None)
    page.on(
        "request",
        lambda one: (
            None if one.url.startswith((address, "data:", "blob:")) else wrong.append(one.url)
        ),
    )
    page.set_viewport_size({"width": width, "height": 844})
    seen = [name for name in every_view(page) if not wider_than_its_window(page)]
    assert len(seen) == 7 and wrong == []
