"""``fdaclip models`` as a person and as a program use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fdaclip.cli import run
from fdaclip.model import FDACLIP, HeadConfig


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models") / "saved"
    model = FDACLIP.small(3, head=HeadConfig("temporal", layers=1, max_frames=8))
    model.save_pretrained(place)
    return place


def test_info(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "info", str(folder)]) == 0
    text = capsys.readouterr().out
    assert "FDA-CLIP" in text and "temporal" in text and "128 wide, 3 layers" in text
    assert run(["models", "info", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["fingerprint"] == FDACLIP.from_pretrained(folder).fingerprint
    assert found["alpha slice"].startswith("zero") and found["vector"] == 128


def test_convert(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = {"r1": 40.0, "r5": 70.0, "r10": 80.0, "median_rank": 2.0, "mean_rank": 9.0}
    result = {"headline": {"text_to_video": figures, "video_to_text": figures}}
    (tmp_path / "result.json").write_text(json.dumps(result))
    target = tmp_path / "out"
    line = ["models", "convert", str(folder), str(target), "--result", str(tmp_path)]
    assert run([*line, "--head", "mean"]) == 0
    assert "written; fingerprint" in capsys.readouterr().out
    assert FDACLIP.from_pretrained(target).settings.head.kind == "mean"
    assert "| 40.0 | 70.0 | 80.0 |" in (target / "README.md").read_text(encoding="utf-8")


def test_faults_are_one_line_and_exit_1(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    source, out = str(folder), str(tmp_path / "out.pt")
    for arguments, words in (
        (["info", str(tmp_path / "none.pt")], "no such file"),
        (["info", str(tmp_path / "none")], "no model folder"),
        (["info", "starter"], "hint: fdaclip doctor"),
        (["info", "nobody/nothing"], "hint: --download fetches it"),
        (["convert", source, out, "--to", "openai"], "its head is temporal; hint:"),
        (["convert", source, out, "--to", "openai", "--head", "mean"], "activation is gelu"),
        (["convert", source, str(tmp_path / "mine")], "notes.txt"),
        (["convert", source, out, "--result", str(tmp_path / "broken.json")], "is no result"),
    ):
        assert run(["models", *arguments]) == 1
        captured = capsys.readouterr()
        assert words in captured.err and captured.err.count("\n") == 1 and not captured.out
    assert not Path(out).exists()
