"""docs/api.md names every address that there is, and no other; its Python is the client's."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from little_server import Little

from fdaclip.serve.asked import Fields
from fdaclip.serve.client import Client

TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
SECTIONS = {
    part.partition("`\n")[0]: part for part in re.split(r"^### `", TEXT, flags=re.MULTILINE)[1:]
}


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
def described(little: Little) -> dict[str, Any]:
    told: dict[str, Any] = little.client().get("/api/v1/openapi.json").json()
    return told


def test_every_address_and_no_other(described: dict[str, Any]) -> None:
    there = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in described["paths"].items()
        for method in methods
    }
    assert set(SECTIONS) == there


@pytest.mark.parametrize("name", SECTIONS)
def test_each_is_shown_for_the_shell_and_for_python(name: str) -> None:
    method, path = name.split()
    pattern = re.escape(path)
    for part, value in {"moment": "MOMENT", "video": "VIDEO", "job": "JOB"}.items():
        pattern = pattern.replace(rf"\{{{part}\}}", rf"\${value}")
    for part, value in {"number": "0", "layer": "mask", "name": r"\$REPORT"}.items():
        pattern = pattern.replace(rf"\{{{part}\}}", value)
    lines = "".join(blocks(SECTIONS[name], "sh"))
    assert re.search(rf'"\$API{pattern}["?]', lines)
    posted = re.search(r" -(d|F|X)\b", lines) and " -G " not in lines
    assert bool(posted) == (method != "GET")
    assert "client." in "".join(blocks(SECTIONS[name], "python"))


def test_what_it_calls_the_client_has() -> None:
    called = set()
    for block in blocks(TEXT, "python"):
        for node in ast.walk(ast.parse(block)):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if isinstance(node.func.value, ast.Name) and node.func.value.id == "client":
                method = inspect.signature(getattr(Client, node.func.attr))
                method.bind(None, *node.args, **{str(one.arg): 0 for one in node.keywords})
                called.add(node.func.attr)
    public = {name for name, _ in inspect.getmembers(Client, inspect.isfunction) if name[0] != "_"}
    assert called == public - {"close"}


def test_the_fields_of_a_search_are_all_there() -> None:
    table = SECTIONS["GET /search"]
    named = {name for row in re.findall(r"^\| (`.*?) \|", table, re.M) for name in row.split(", ")}
    assert {name.strip("`") for name in named} == set(Fields.model_fields)


def test_the_codes_of_errors_are_the_servers() -> None:
    """Each that is named is given somewhere."""
    source = Path(inspect.getfile(Client)).parent
    code = "".join(path.read_text("utf-8") for path in source.rglob("*.py"))
    library = {"bad_query", "bad_filter", "bad_token", "library_busy"}  # names of its errors
    table = TEXT[TEXT.index("| status | codes |") : TEXT.index("The client waits")]
    named = set(re.findall(r"`([a-z_]+)`", table)) - {"after"}
    assert {name for name in named - library if f'"{name}"' not in code} == set()
    for name in library:
        assert f'"{name.title().replace("_", "")}"' in code
