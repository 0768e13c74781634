"""Every way a video can be unfit is found, kept, and used by later loading."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import av
import pytest
from graded_films import film

from fdaclip.data import DataError, load_dataset
from fdaclip.data.check import Report, check
from fdaclip.data.load import plan
from fdaclip.data.manifest import open_manifest


@pytest.fixture(scope="module")
def bad(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set with one of each trouble."""
    folder = tmp_path_factory.mktemp("bad")
    for name in "abc":
        shutil.copy(films / f"{name}.mp4", folder)
    shutil.copy(films / "a.mp4", folder / "copy.mp4")
    film(folder / "single.mp4", frames=1)
    (folder / "junk.mp4").write_bytes(b"this is no video at all")
    long = film(folder / "cut.mp4", frames=50)
    content = long.read_bytes()
    long.write_bytes(content[: int(len(content) * 0.8)])
    (folder / "better").mkdir()
    (folder / "two.mp4").write_bytes(b"broken download")
    film(folder / "better" / "two.mp4", seed=5)
    names = ["a", "b", "c", "copy", "single", "junk", "cut", "two", "gone", "dead"]
    (folder / "dead.mp4").symlink_to(folder / "nowhere.mp4")
    rows = "".join(f"{name},about {name},,\n" for name in names)
    rows += "b,its middle,1,2\nb,long over,8,9\n"
    (folder / "own.csv").write_text(f"video,caption,start,end\n{rows}")
    return folder


@pytest.fixture(scope="module")
def report(bad: Path) -> Report:
    return check(plan(str(bad / "own.csv"), bad, "all"), workers=2)


def test_each_trouble_is_found(report: Report) -> None:
    kinds: dict[str, set[str]] = {}
    for finding in report.findings:
        kinds.setdefault(finding.kind, set()).add(finding.name)
    assert kinds == {
        "missing": {"gone", "dead"},
        "damaged": {"junk"},
        "short": {"single", "b[8-9]"},
        "partial": {"cut"},
        "copies": {"a"},
        "choice": {"two"},
    }
    assert (report.videos, report.usable) == (12, 7)
    (copies,) = (f for f in report.findings if f.kind == "copies")
    assert "copy (copy.mp4)" in copies.what


def test_loading_uses_what_was_found(bad: Path, report: Report) -> None:
    name = str(bad / "own.csv")
    with pytest.raises(DataError, match=r"2 of 12 .* not in .*; 3 of 12 .* damaged or too short"):
        load_dataset(name, bad, "all")
    found = load_dataset(name, bad, "all", allow_missing=True)
    assert set(found.missing) == {"gone", "dead", "junk", "single", "b[8-9]"}
    paths = {record.name: record.path.relative_to(bad).as_posix() for record in found.records}
    assert paths["two"] == "better/two.mp4"  # the first file of that name is broken
    assert sorted((d.count, d.why) for d in found.dropped) == [
        (2, "not on disk"),
        (3, "damaged or too short"),
    ]


def test_what_is_known_is_not_decoded_again(bad: Path, report: Report) -> None:
    found = plan(str(bad / "own.csv"), bad, "all")
    again = check(found, workers=1)
    assert again.checked == 0 and again.findings == report.findings
    assert report.manifest == bad / "fdaclip-manifest.json"
    os.utime(bad / "c.mp4")
    assert check(found, workers=1).checked == 1


def test_a_mended_file_counts_again(films: Path, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("video,caption\na,x\nb,y\n")
    name = str(tmp_path / "own.csv")
    shutil.copy(films / "b.mp4", tmp_path)
    (tmp_path / "a.mp4").write_bytes(b"half")
    assert check(plan(name, tmp_path, "all"), workers=1).usable == 1
    assert load_dataset(name, tmp_path, "all", allow_missing=True).videos == 1
    shutil.copy(films / "a.mp4", tmp_path)
    assert load_dataset(name, tmp_path, "all").videos == 2


def test_every_frame_is_decoded_if_asked(tmp_path: Path) -> None:
    """One frame is lost, between those that a quick check looks at."""
    (tmp_path / "own.csv").write_text("video,caption\na,x\n")
    path = film(tmp_path / "a.mp4", frames=120, keyframes=10)
    with av.open(str(path)) as container:
        packet = [p for p in container.demux(video=0) if p.size][9]
        at, size = packet.pos, packet.size
    content = bytearray(path.read_bytes())
    content[at + 5 : at + size] = bytes(size - 5)
    path.write_bytes(content)
    found = plan(str(tmp_path / "own.csv"), tmp_path, "all")
    assert check(found, workers=1).findings == ()
    (finding,) = check(found, workers=1, every_frame=True, again=True).findings
    assert finding.kind == "partial" and "of 120 frames lost" in finding.what


def test_lengths_are_held_to_the_annotation(films: Path, tmp_path: Path) -> None:
    """MSVD's names tell how long a clip is; a whole video in its place is another."""
    names = ["aaa_0_3", "bbb_10_60"]
    (tmp_path / "val_list.txt").write_text("\n".join(names))
    (tmp_path / "captions_msvd.json").write_text(json.dumps({name: ["x"] for name in names}))
    for name in names:
        shutil.copy(films / "a.mp4", tmp_path / f"{name}.avi")
    found = plan("msvd", tmp_path, "val", allow_missing=True)
    (finding,) = (f for f in check(found, workers=1).findings if f.kind == "length")
    assert finding.name == "bbb_10_60"
    assert finding.what == "lasts 3.0 s, annotated as 50.0 s"


def test_clips_of_msvd_by_their_numbers(films: Path, tmp_path: Path) -> None:
    (tmp_path / "val_list.txt").write_text("aaa_0_3\n")
    (tmp_path / "captions_msvd.json").write_text(json.dumps({"aaa_0_3": ["x"]}))
    (tmp_path / "youtube_mapping.txt").write_text("aaa_0_3 vid1500\n")
    shutil.copy(films / "a.mp4", tmp_path / "vid1500.avi")
    found = load_dataset("msvd", tmp_path, "val", allow_missing=True)
    assert found.records[0].path.name == "vid1500.avi"


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "fdaclip-manifest.json").write_text("{")
    with pytest.raises(DataError, match=r"fdaclip-manifest\.json cannot be read.*delete it"):
        open_manifest(tmp_path)


def test_a_folder_that_may_not_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("fdaclip.data.manifest.os.access", lambda path, mode: False)
    (tmp_path / "root").mkdir()
    manifest = open_manifest(tmp_path / "root")
    manifest.save()
    assert manifest.path.parent == tmp_path / "cache" / "fdaclip" / "manifests"
    assert manifest.path.is_file() and not list((tmp_path / "root").iterdir())
