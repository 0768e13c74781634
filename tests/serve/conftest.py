"""The little films of the library's tests serve here too."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.append(str(Path(__file__).parents[1] / "library"))

import pytest
from little_server import Little, made
from page_server import launched, library_of_films, serving, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def little(tmp_path_factory: pytest.TempPathFactory) -> Little:
    """A library of little films; not to be changed."""
    return made(tmp_path_factory.mktemp("little"))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that server's library and films, and of the reports that it shows."""
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """Of a server over four films of four moments; its library is not to be changed."""
    with serving(library_of_films(site), "--reports", str(site)) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A fresh page of that server."""
    with watched(browser, address) as page:
        yield page
