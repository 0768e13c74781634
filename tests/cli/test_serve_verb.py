"""``fdaclip serve``: where it listens, whom it answers, how it ends."""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from fdaclip import cli
from fdaclip.cli import serve


class Opened:
    """A library that is never asked."""

    folder = Path("films.fdaclip")

    def another(self) -> Opened:
        return self


@pytest.fixture
def apps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, str]]:
    """What would be served, and the address it would be served at."""
    served: list[tuple[Any, str]] = []

    def keep(app: Any, listening: socket.socket) -> None:
        served.append((app, listening.getsockname()[0]))
        listening.close()

    monkeypatch.setattr(serve, "run", keep)
    monkeypatch.setattr("fdaclip.cli.encoders.open_for_searching", lambda folder, model: Opened())
    return served


def test_by_default_it_is_for_this_machine_alone(
    apps: list[tuple[Any, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["serve", "films.fdaclip", "--port", "0"]) == 0
    ((app, address),) = apps
    assert address == "127.0.0.1" and app._token == ""
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\n", capsys.readouterr().out)


def test_for_others_there_is_a_token_in_the_link(
    apps: list[tuple[Any, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    links = []
    for _ in range(2):
        assert cli.run(["serve", "films.fdaclip", "--port", "0", "--host", "0.0.0.0"]) == 0
        links.append(capsys.readouterr().out.strip())
    tokens = [re.fullmatch(r"http://\S+:\d+/\?token=([\w-]{24})", link)[1] for link in links]  # type: ignore[index]
    assert [app._token for app, _ in apps] == tokens and tokens[0] != tokens[1]
    assert "0.0.0.0" not in links[0]


def test_a_token_of_ones_own(
    apps: list[tuple[Any, str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FDACLIP_TOKEN", "twelve-signs")
    assert cli.run(["serve", "x", "--port", "0", "--host-name", "films.home"]) == 0
    app, _ = apps[0]
    assert app._token == "twelve-signs" and "films.home" in app._hosts
    for weak in ("short", "with a blank in it", "thirteen-äöü-"):
        assert cli.run(["serve", "x", "--port", "0", "--token", weak]) == cli.USAGE
    assert "12 or more" in capsys.readouterr().err


@pytest.mark.parametrize("package", ["fastapi", "uvicorn", "python_multipart", "prometheus_client"])
def test_what_is_not_installed_is_told(
    package: str,
    apps: list[tuple[Any, str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert cli.run(["serve", "x", "--port", "0"]) == cli.ERROR
    told = capsys.readouterr().err
    assert package in told and "pip install 'fdaclip[serve]'" in told and not apps


def test_a_port_that_is_taken_is_told(
    apps: list[tuple[Any, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert cli.run(["serve", "x", "--port", port]) == cli.ERROR
    told = capsys.readouterr().err
    assert port in told and "in use" in told and "--port 0" in told
    assert cli.run(["serve", "x", "--port", "0", "--host", "203.0.113.7"]) == cli.ERROR
    assert not apps


def test_no_library_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["serve", str(tmp_path / "none"), "--port", "0"]) == cli.ERROR
    assert "fdaclip index" in capsys.readouterr().err


@pytest.mark.parametrize("site", ["films.example", "*", "https://films.example/page", "null"])
def test_a_site_is_named_as_browsers_send_it(
    site: str, apps: list[tuple[Any, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["serve", "x", "--port", "0", "--allow-origin", site]) == cli.USAGE
    assert "write it as https://films.example" in capsys.readouterr().err
    assert not apps


def test_a_named_site_may_ask(apps: list[tuple[Any, str]]) -> None:
    assert cli.run(["serve", "x", "--port", "0", "--allow-origin", "https://films.example/"]) == 0
    assert apps[0][0]._origins == {"https://films.example"}
