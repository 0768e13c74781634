"""``fdaclip mask``: an overlay video and a strip of pictures, or one line that says why not."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fdaclip.cli import run
from fdaclip.video import open_video

sys.path.insert(0, str(Path(__file__).parents[1] / "library"))

from tiny_films import film

SECONDS, RATE = 2, 12


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("mask") / "a film.mp4", seconds=SECONDS, rate=RATE)


def test_the_overlay_has_every_frame_and_the_strip_is_a_picture(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "folder"
    assert run(["mask", str(source), "--out", str(folder), "--frames", "5", "--json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert err == ""
    overlay, strip = folder / "a film.mask.mp4", folder / "a film.mask.png"
    assert sorted(folder.iterdir()) == [overlay, strip]
    assert (told["video"], told["overlay"], told["strip"]) == tuple(
        map(str, (source, overlay, strip))
    )
    times = [row["time"] for row in told["frames"]]
    assert len(times) == 5 and times == sorted(times) and times[-1] < SECONDS
    assert {row["kind"] for row in told["frames"]} == {"moving"}
    assert all(0 < row["share"] < 1 and 0 < row["energy"] < 1 for row in told["frames"])
    with Image.open(strip) as picture:
        assert picture.format == "PNG" and picture.width >= 5 * 64 and picture.height >= 3 * 48
    with open_video(source) as before, open_video(overlay) as after:
        assert (after.probe.width, after.probe.height) == (before.probe.width, before.probe.height)
        pairs = list(zip(before.iter_frames(), after.iter_frames(), strict=True))
    assert len(pairs) == SECONDS * RATE
    np.testing.assert_allclose(
        [one for (one, _), _ in pairs], [two for _, (two, _) in pairs], atol=0.5 / RATE
    )


def test_people_read_a_line_a_frame(
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["mask", str(source), "--frames", "3"]) == 0
    out, err = capsys.readouterr()
    assert len(re.findall(r"^ +0:\S+  moving +\d+\.\d% moves.*$", out, re.M)) == 3
    assert out.count("\n") == 3
    assert err == "wrote a film.mask.mp4 and a film.mask.png\n"
    assert {path.name for path in tmp_path.iterdir()} == {"a film.mask.mp4", "a film.mask.png"}


@pytest.mark.parametrize("what", ["text", "nothing", "empty", "a folder"])
def test_bad_input_is_one_line_and_leaves_nothing(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, folder = tmp_path / "bad\n.mp4", tmp_path / "out"
    if what == "a folder":
        bad.mkdir()
    elif what != "nothing":
        bad.write_text("no film\n" * 100 if what == "text" else "")
    assert run(["mask", str(bad), "-o", str(folder)]) == 1
    out, err = capsys.readouterr()
    assert out == "" and not folder.exists()
    assert re.fullmatch(r"error: .*bad(\\n|\\x0a)\.mp4: .*\n", err), err


def test_a_folder_that_cannot_be_made_is_one_line(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert run(["mask", str(source), "-o", str(tmp_path / "file" / "below")]) == 1
    out, err = capsys.readouterr()
    assert out == "" and re.fullmatch(r"error: not a directory: .*below\n", err), err
