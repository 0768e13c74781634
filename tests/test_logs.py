"""Logs are quiet unless asked for, and structured when they are."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from fdaclip.cli import run
from fdaclip.logs import Log, listen, unlisten


def test_nothing_is_said_unless_asked_for() -> None:
    code = "from fdaclip.logs import Log; Log('fdaclip.x').warning('bad', path='a')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_json_lines(tmp_path: Path) -> None:
    log, file = Log("fdaclip.library.test"), tmp_path / "log"
    handler = listen("info", file)
    log.debug("too fine")
    log.info("committed", files=2, path=Path("/a\nb"), name="\udcff")
    log.warning("bad", reason='say "no"')
    unlisten(handler)
    log.warning("after")
    first, second = (json.loads(line) for line in file.read_text().splitlines())
    assert (first["event"], first["level"], first["logger"]) == (
        "committed",
        "info",
        "fdaclip.library.test",
    )
    assert (first["files"], first["path"], first["name"]) == (2, "/a\nb", "\udcff")
    assert second["reason"] == 'say "no"' and first["time"].endswith("Z")


def test_text_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    handler = listen("warning")
    Log("fdaclip.library.x").warning("bad", path="a\nb", count=1)
    unlisten(handler)
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and err.endswith('warning library.x bad path="a\\nb" count=1\n')


def test_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from fdaclip.library.stamp import SCHEMA

    sys.path.insert(0, str(Path(__file__).parent / "library"))
    from old import old_library

    place, file = tmp_path / "l.fdaclip", tmp_path / "log.jsonl"
    old_library(place)
    assert run(["--log", str(file), "compact", "--library", str(place)]) == 0
    out, err = capsys.readouterr()
    assert err == "" and out.endswith("\n")
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert {"migrated", "compacted"} <= {event["event"] for event in events}
    assert SCHEMA in {event.get("schema") for event in events}
    monkeypatch.setenv("FDACLIP_LOG", "debug")
    assert run(["compact", "--library", str(place)]) == 0
    assert " debug library.lock locked " in capsys.readouterr().err
    monkeypatch.setenv("FDACLIP_LOG", "loud")
    assert run(["status", "--library", str(place)]) == 2
    assert "FDACLIP_LOG is 'loud'" in capsys.readouterr().err
    assert not [one for one in logging.getLogger("fdaclip").handlers if one.level]
    monkeypatch.delenv("FDACLIP_LOG")
    assert run(["--log", str(tmp_path / "no" / "log"), "status", "--library", str(place)]) == 1
    assert capsys.readouterr().err.startswith("error: no such file or directory: ")
