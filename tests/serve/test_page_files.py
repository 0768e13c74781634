"""What the page is made of: little, nothing from elsewhere, nothing that the policy forbids."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import fdaclip.serve

PAGE = Path(fdaclip.serve.__file__).parent / "page"
FILES = sorted(PAGE.iterdir())
NAMESPACES = {"http://www.w3.org/2000/svg"}


class Inline(HTMLParser):
    """Collects scripts, styles and handlers that stand in the HTML itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(tag)
        self.found += [name for name in names if name == "style" or name.startswith("on")]


def test_it_weighs_little() -> None:
    assert 10_000 < sum(file.stat().st_size for file in FILES) <= 300_000


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_comes_from_elsewhere(file: Path) -> None:
    addresses = set(re.findall(r"(?:https?:)?//[a-z][\w.-]+\.[a-z]+[^\s\"'`)]*", file.read_text()))
    assert addresses <= NAMESPACES


@pytest.mark.parametrize("file", sorted(PAGE.glob("*.html")), ids=lambda file: file.name)
def test_no_script_or_style_stands_in_the_html(file: Path) -> None:
    inline = Inline()
    inline.feed(file.read_text())
    assert inline.found == []


@pytest.mark.parametrize("file", sorted(PAGE.glob("*.js")), ids=lambda file: file.name)
def test_what_a_script_imports_is_there(file: Path) -> None:
    imported = re.findall(r"^import .*?from \"\./([\w.-]+)\";", file.read_text(), re.M | re.S)
    assert all((PAGE / name).is_file() for name in imported)


def test_no_script_sets_styles_by_attribute_or_markup() -> None:
    forbidden = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(|style:")
    offending = {file.name for file in PAGE.glob("*.js") if forbidden.search(file.read_text())}
    assert offending == set()
