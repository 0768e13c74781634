"""remap, compact, --retry without paths, --reindex: as a user meets them."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from fdaclip.cli import run

sys.path.insert(0, str(Path(__file__).parents[1] / "library"))

from old import old_library
from tiny_films import film


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A library of five files that are gone."""
    old_library(tmp_path / "l.fdaclip")
    return tmp_path / "l.fdaclip"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from fdaclip import FDACLIP

    folder = tmp_path_factory.mktemp("model") / "small"
    FDACLIP.small().save_pretrained(folder)
    return folder


def test_remap(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = tmp_path / "new"
    film(new / "0.mp4")
    verb = ["remap", "/films", str(new), "--library", str(place)]
    assert run([*verb, "--dry-run"]) == 0
    out, err = capsys.readouterr()
    assert out == f"5 files of /films would be in {new}\n1 found there, 4 missing\n" and err == ""
    assert run(verb) == 0
    out, err = capsys.readouterr()
    assert out == f"5 files of /films are in {new}\n1 found there, 4 missing\n"
    assert err.startswith("hint: ") and f"remap {new} /films undoes it" in err
    assert run(verb) == 1
    out, err = capsys.readouterr()
    assert out == "" and re.fullmatch(r"error: the library knows no '/films'; hint: .*\n", err)
    assert run(["remap", str(new / "0.mp4"), "/one", "--library", str(place), "--json"]) == 1
    assert "still in" in capsys.readouterr().err
    (new / "0.mp4").unlink()
    assert run(["remap", str(new / "0.mp4"), "/one", "--library", str(place), "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["files"], done["found"], done["new"], done["done"]) == (1, 0, "/one", True)


def test_compact(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "moments.lance" / "data" / "unfinished.lance").write_bytes(bytes(500_000))
    assert run(["compact", "--library", str(place)]) == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(r"\d.* kB, was \d.* kB\n", out) and err == ""
    assert run(["compact", "--library", str(place), "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"before", "after"}


def test_retry_without_paths_and_another_window(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    films, place = tmp_path / "films", tmp_path / "l.fdaclip"
    film(films / "good.mp4", colour=1, seconds=10, rate=3)
    (films / "bad.mp4").write_text("no film")
    index = ["index", "--library", str(place)]
    assert run([*index, str(films), "--model", str(model)]) == 3
    capsys.readouterr()
    assert run(["status", "--library", str(place)]) == 0
    out, err = capsys.readouterr()
    assert f"bad: {films}/bad.mp4: " in out and "fdaclip index --retry" in err
    assert run([*index, "--retry"]) == 3
    assert "bad.mp4" in capsys.readouterr().err
    film(films / "bad.mp4", colour=2)
    assert run([*index, "--retry"]) == 0
    assert "1 videos indexed" in capsys.readouterr().out
    assert run([*index, "--retry"]) == 0
    assert "no file of the library is bad or partial" in capsys.readouterr().err
    assert run(index) == 2 and "name files" in capsys.readouterr().err
    for words in (["--reindex", str(films)], ["--reindex", "--retry"]):
        assert run([*index, *words]) == 2 and "neither PATHS nor --ret" in capsys.readouterr().err
    assert run([*index, str(films), "--leave-offline"]) == 2
    assert "--leave-offline goes with --reindex" in capsys.readouterr().err
    assert run([*index, str(films), "--window", "3"]) == 1
    assert "fdaclip index --reindex --window 3 --library" in capsys.readouterr().err
    assert run([*index, "--reindex", "--window", "3"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("2 videos indexed (")
    assert re.search(r"the old library is kept in .*/l\.fdaclip\.old-\d{4}-\d\d-\d\d;", err)
    stamp = json.loads((place / "library.json").read_text())
    assert stamp["window"] == 3 and stamp["model"] == str(model)
    assert run(["verify", "--library", str(place)]) == 0
