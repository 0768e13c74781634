"""``fdaclip export`` as a user meets it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from fdaclip.cli import run

sys.path.insert(0, str(Path(__file__).parents[1] / "library"))

from tiny_films import film


def test_parts_are_cut_and_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = film(tmp_path / "beach.mp4", seconds=4)
    out, edl = tmp_path / "out", tmp_path / "l.edl"
    asked = [f"{source}@0:01-2.5", f"{source}@3-4"]
    assert run(["export", *asked, "--out", str(out), "--list", str(edl)]) == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert len(lines) == 2 and lines[0].startswith(str(out / "beach@1-2.5.mp4"))
    assert "begins 1.0 s early" in lines[0]
    assert "wrote" in told.err and edl.read_text().count("* FROM CLIP NAME: beach.mp4") == 2
    assert run(["export", *asked, "--out", str(out)]) == 1
    assert capsys.readouterr().err.count("--force replaces it") == 2
    assert run(["export", *asked, "--out", str(out), "--exact", "--force", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)["made"]
    assert [one["holds"] for one in made] == [[1.0, 2.5], [3.0, 4.0]]


def test_a_bad_video_costs_only_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = film(tmp_path / "a.mp4", seconds=2)
    asked = [f"{source}@0-1", f"{tmp_path}/gone.mp4@0-1"]
    assert run(["export", *asked, "--out", str(tmp_path / "out")]) == 3
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 1
    assert "gone.mp4 0:00–0:01: there is no such file" in told.err
    assert run(["export", asked[1], "--out", str(tmp_path / "out")]) == 1


def test_a_search_is_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fdaclip import FDACLIP

    FDACLIP.small().save_pretrained(tmp_path / "model")
    for number in range(3):
        film(tmp_path / "films" / f"{number}.mp4", colour=number)
    place, out = str(tmp_path / "l.fdaclip"), tmp_path / "out"
    model = str(tmp_path / "model")
    assert run(["index", str(tmp_path / "films"), "--library", place, "--model", model]) == 0
    capsys.readouterr()
    assert run(["search", "a", "square", "--library", place, "--limit", "2", "--json"]) == 0
    found = capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(found.encode())))
    assert run(["export", "--from", "-", "--out", str(out), "--list", str(out) + ".json"]) == 0
    names = sorted(one.name for one in out.iterdir())
    assert len(names) == 2
    assert [one["score"] for one in json.loads(Path(str(out) + ".json").read_text())]
    again = str(tmp_path / "again")
    assert run(["export", "a square", "--library", place, "--limit", "2", "--out", again]) == 0
    assert sorted(one.name for one in Path(again).iterdir()) == names


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["a.mp4@1-2"], 2, "say where to"),
        (["--out", "x"], 2, "say what"),
        (["a.mp4@2-1", "--out", "x"], 1, "no part of a video"),
        (["a.mp4@1-2", "--list", "x.txt"], 1, "no format that is known"),
    ],
)
def test_wrong_usage_is_told(
    words: list[str], code: int, told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = [str(tmp_path / word) if word in ("x", "x.txt") else word for word in words]
    assert run(["export", *words]) == code
    assert told in capsys.readouterr().err
