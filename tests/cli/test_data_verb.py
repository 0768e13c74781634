"""``fdaclip data`` as a person and as a program use it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "data"))
from annotation_files import real
from graded_films import film

from fdaclip.cli import run


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    for seed, name in enumerate("ab"):
        film(folder / "videos" / f"{name}.mp4", seed=seed)
    (folder / "videos" / "bad.mp4").write_bytes(b"no")
    (folder / "own.csv").write_text("video,caption\na,one\na,two more\nb,three\nbad,four\n")
    return folder


@pytest.mark.parametrize(
    ("name", "split", "videos", "captions", "queries"),
    [
        ("msrvtt", "test", 1000, 1000, 1000),
        ("msvd", "test", 670, 27_763, 27_763),
        ("didemo", "val", 1094, 4180, 1094),
        ("activitynet", "val_1", 4917, 17_505, 4917),
        ("vatex", "test", 1500, 0, 0),
    ],
)
def test_info_for_programs(
    name: str,
    split: str,
    videos: int,
    captions: int,
    queries: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = str(real(name))
    assert run(["data", "info", name, "--root", root, "--split", split, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["videos"], found["captions"], found["queries"]) == (videos, captions, queries)


def test_info_for_people(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "info", str(own / "own.csv")]) == 0
    out = capsys.readouterr().out
    assert "videos:    3\n" in out and "queries:   4 (4 different)\n" in out
    assert "words a query" in out and "█" in out


def test_check_then_cache(own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "root"
    shutil.copytree(own, root)
    asked = [str(root / "own.csv")]
    assert run(["data", "check", *asked, "--json", "--processes", "1"]) == 3
    report = json.loads(capsys.readouterr().out)
    assert (report["videos"], report["usable"], report["checked"]) == (3, 2, 3)
    assert [(f["kind"], f["name"]) for f in report["findings"]] == [("damaged", "bad")]
    assert run(["data", "check", *asked]) == 3
    out, err = capsys.readouterr()
    assert "2 of 3 videos can be used" in out and "bad: is in no video format" in out
    assert "kept in" not in err  # nothing was learned
    assert run(["data", "check", *asked, "--again", "--processes", "1"]) == 3
    assert f"kept in {root / 'fdaclip-manifest.json'}" in capsys.readouterr().err

    into = ["--out", str(tmp_path / "cache"), "--frames", "3", "--short-side", "32"]
    assert run(["data", "cache", *asked, *into]) == 1
    assert "--allow-missing" in capsys.readouterr().err
    into += ["--allow-missing", "--json", "--processes", "1"]
    assert run(["data", "cache", *asked, *into, "--estimate"]) == 0
    estimate = json.loads(capsys.readouterr().out)
    assert estimate["clips"] == 2 and estimate["bytes"] > 1000
    assert run(["data", "cache", *asked, *into]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"folder": estimate["folder"], "clips": 2, "failed": {}}
    assert "2 clips to decode" in err and "1 videos dropped: damaged" in err
    assert run(["data", "cache", *asked, *into, "--estimate"]) == 0
    assert json.loads(capsys.readouterr().out)["clips"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["info", "imagenet"], 1, "no data set 'imagenet'"),
        (["info", "msvd", "--split", "test"], 1, "test_list.txt is not in"),
        (["info"], 2, "Missing argument"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str],
    code: int,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["data", *arguments]) == code
    err = capsys.readouterr().err
    assert told in err and err.startswith("error: ") and err.count("\n") == 1
