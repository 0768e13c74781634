"""Videos are found by name as people keep them; what is missing is told and never invented."""

from __future__ import annotations

from pathlib import Path

import pytest

from fdaclip.data import DataError, load_dataset
from fdaclip.data.tree import Tree, stem


def write(folder: Path, *videos: str) -> str:
    """A data set of such videos; none of them is there yet."""
    rows = "".join(f"{video},about {video}\n" for video in videos)
    (folder / "own.csv").write_text(f"video,caption\n{rows}")
    return str(folder / "own.csv")


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(path.name.encode())
    return path


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        ("video7", "video7.mp4"),
        ("video7.mp4", "deep/er/video7.webm"),
        ("video7", "VIDEOS/video7.AVI"),
        ("/home/someone/data/video7.mp4", "video7.mp4"),
        ("C:\\data\\video7.mp4", "video7.mp4"),
        ("12@N03_7585070382_5762149bfc.", "12@N03_7585070382_5762149bfc.mp4"),
        ("12@N03_7585070382_5762149bfc.", "12@N03_7585070382_5762149bfc"),
        ("0001_Film_00.05.16.065-00.05.21.941", "Film/0001_Film_00.05.16.065-00.05.21.941.avi"),
        ("-4wsuPCjDBc_5_15", "YouTubeClips/-4wsuPCjDBc_5_15.avi"),
        ("sub/video7.mp4", "sub/video7.mp4"),
    ],
)
def test_found_as_people_keep_them(tmp_path: Path, asked: str, there: str) -> None:
    name = write(tmp_path, asked)
    path = touch(tmp_path / there)
    assert load_dataset(name, tmp_path, "all").records[0].path == path


def test_names_keep_their_capitals(tmp_path: Path) -> None:
    """Ids of YouTube differ in capitals alone."""
    name = write(tmp_path, "aBc", "abc")
    for video in ("aBc.mp4", "abc.mp4"):
        touch(tmp_path / "v" / video)
    records = load_dataset(name, tmp_path, "all").records
    assert [record.path.name for record in records] == ["aBc.mp4", "abc.mp4"]


def test_the_named_extension_first_then_the_shallowest(tmp_path: Path) -> None:
    name = write(tmp_path, "a.avi", "b")
    for video in ("x/a.mp4", "x/y/a.avi", "x/y/b.mp4", "x/b.mkv"):
        touch(tmp_path / video)
    records = load_dataset(name, tmp_path, "all").records
    assert [r.path.relative_to(tmp_path).as_posix() for r in records] == ["x/y/a.avi", "x/b.mkv"]


def test_videos_elsewhere(tmp_path: Path) -> None:
    root, videos = tmp_path / "annotations", tmp_path / "videos"
    root.mkdir()
    name = write(root, "a")
    path = touch(videos / "a.mp4")
    assert load_dataset(name, root, "all", videos=videos).records[0].path == path


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    name = write(tmp_path / "root" if (tmp_path / "root").mkdir() is None else tmp_path, "a")
    path = touch(tmp_path / "disk" / "a.mp4")
    (tmp_path / "root" / "videos").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "again").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "dead.mp4").symlink_to(tmp_path / "nowhere.mp4")
    found = load_dataset(name, tmp_path / "root", "all").records[0].path
    assert found.resolve() == path
    assert Tree(tmp_path / "root").videos(["dead"]) == []


def test_missing_videos(tmp_path: Path) -> None:
    name = write(tmp_path, "a", "b", "c", "d", "e")
    touch(tmp_path / "a.mp4")
    with pytest.raises(
        DataError, match=r"4 of 5 videos .* are not in .*\(b, c, d, …\).*--allow-missing"
    ):
        load_dataset(name, tmp_path, "all")
    found = load_dataset(name, tmp_path, "all", allow_missing=True)
    assert found.missing == ("b", "c", "d", "e") and found.queries == 1
    assert "4 videos missing" in found.describe()
    assert str(found.dropped[0]) == "4 videos dropped: not on disk (b, c, d, …)"
    (tmp_path / "a.mp4").unlink()
    with pytest.raises(DataError, match="5 of 5 videos"):
        load_dataset(name, tmp_path, "all", allow_missing=True)


def test_the_hash_is_of_the_content_alone(tmp_path: Path) -> None:
    hashes = []
    for place, videos in (("x", "ab"), ("y", "ab"), ("z", "ba"), ("w", "a")):
        folder = tmp_path / place
        folder.mkdir()
        name = write(folder, "a", "b")
        for video in videos:
            touch(folder / place / f"{video}.mp4")
        hashes.append(load_dataset(name, folder, "all", allow_missing=True).hash)
    assert hashes[0] == hashes[1] == hashes[2] != hashes[3]
    (tmp_path / "x" / "own.csv").write_text("video,caption\na,about a\nb,about c\n")
    assert load_dataset(str(tmp_path / "x" / "own.csv"), tmp_path / "x", "all").hash != hashes[0]


def test_a_root_that_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        load_dataset("msvd", tmp_path / "gone", "test")


@pytest.mark.parametrize(
    ("name", "bare"),
    [("a.mp4", "a"), ("a.MOV", "a"), ("a.", "a"), ("a.b", "a.b"), ("a.b.avi", "a.b"), ("a", "a")],
)
def test_stem(name: str, bare: str) -> None:
    assert stem(name) == bare
