"""A real server and a real browser, for tests of what a person does on the page.

The fixtures over it (``address``, ``browser``, ``page``) are in conftest.py; a module that changes
its library has an ``address`` of its own.
"""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tiny_films import film

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = "/usr/bin/chromium"
NAMES = ("meadow", "harbour", "stairs", "kitchen")


def library_of_films(folder: Path, names: tuple[str, ...] = NAMES) -> Path:
    """Films of four moments each, indexed with a small untrained model; gives the library."""
    from fdaclip import FDACLIP, Library

    model = FDACLIP.small()
    model.save_pretrained(folder / "model")
    library = Library(folder / "l.fdaclip", model, model=str(folder / "model"), window=2.0)
    for number, name in enumerate(names):
        film(folder / "films" / f"{name}.mp4", number, seconds=8, rate=12)
    if names:
        library.add(folder / "films")
    return folder / "l.fdaclip"


@contextmanager
def serving(library: Path, *options: str) -> Iterator[str]:
    """``fdaclip serve`` in a process of its own; gives its address."""
    command = [sys.executable, "-m", "fdaclip", "serve", str(library), "--port", "0", *options]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip().rstrip("/")
        with urllib.request.urlopen(f"{address}/api/v1/search?q=square", timeout=120):
            pass  # what the first question has to load and learn is not what is tested here
        yield address
    finally:
        server.terminate()
        server.wait(30)


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = CHROMIUM if Path(CHROMIUM).exists() else None
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def watched(browser: Browser, address: str) -> Iterator[Page]:
    """A fresh page; at its end nothing may have gone wrong unseen, least of all with the policy."""
    context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda told: wrong.append(told.text) if "Content Security Policy" in told.text else None,
    )
    yield page
    context.close()
    assert wrong == []


def until(page: Page, true: str, argument: Any = None) -> None:
    """Wait for an expression; Playwright's own wait evaluates in the page: against its policy."""
    for _ in range(200):
        if page.evaluate(true, argument):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never came true: {true}")


def wider_than_its_window(page: Page) -> bool:
    """Must one scroll sideways?"""
    wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    return bool(page.evaluate(wider))


def barriers(page: Page) -> list[str]:
    """What axe finds serious or critical, of what is shown now."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
