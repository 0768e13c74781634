from __future__ import annotations

import os
from pathlib import Path

import pytest

from fdaclip.library.errors import NoSuchPath
from fdaclip.library.scan import scan


def touch(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def names(found: object, root: Path) -> list[str]:
    return sorted(os.path.relpath(file.path, root) for file in found.files)  # type: ignore[attr-defined]


def test_a_folder_gives_its_videos_and_nothing_else(tmp_path: Path) -> None:
    for name in ("a.mp4", "B.MKV", "c d.mov", "notes.txt", ".hidden.mp4", "._a.mp4", "sub/d.webm"):
        touch(tmp_path / name)
    touch(tmp_path / "code.ts", b"import x")
    touch(tmp_path / "tv.ts", b"G@\x00")
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    assert names(scan([tmp_path]), tmp_path) == ["B.MKV", "a.mp4", "c d.mov", "sub/d.webm", "tv.ts"]


def test_a_named_file_counts_whatever_its_name(tmp_path: Path) -> None:
    odd = touch(tmp_path / ".recording")
    assert [file.path for file in scan([odd]).files] == [str(odd)]


def test_globs_and_repeated_paths_give_each_file_once(tmp_path: Path) -> None:
    one, two = touch(tmp_path / "a" / "1.mp4"), touch(tmp_path / "a" / "b" / "2.mp4")
    found = scan([tmp_path / "a" / "**" / "*.mp4", one, tmp_path, f"{tmp_path}/./a/1.mp4"])
    assert sorted(file.path for file in found.files) == [str(one), str(two)]


def test_a_name_that_looks_like_a_glob_is_taken_as_it_is(tmp_path: Path) -> None:
    odd = touch(tmp_path / "what [1]?.mp4")
    touch(tmp_path / "what 1x.mp4")
    assert [file.path for file in scan([odd]).files] == [str(odd)]


def test_loops_of_links_end_and_files_go_by_their_real_path(tmp_path: Path) -> None:
    real = touch(tmp_path / "z" / "real.mp4")
    (tmp_path / "a link").symlink_to(tmp_path / "z")
    (tmp_path / "z" / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    assert [file.path for file in scan([tmp_path]).files] == [str(real)]


def test_a_link_to_nothing_is_reported(tmp_path: Path) -> None:
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nothing")
    found = scan([tmp_path])
    assert not found.files
    assert found.failures == [(str(tmp_path / "gone.mp4"), "it is gone, or a link to nothing")]


def test_names_of_any_bytes(tmp_path: Path) -> None:
    raw = [b"a b.mp4", b"new\nline.mp4", b"\xff\xfe.mp4", "ünï.mp4".encode()]
    for name in raw:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"x")
    assert sorted(os.fsencode(Path(f.path).name) for f in scan([tmp_path]).files) == sorted(raw)


def test_what_does_not_exist_stops_before_anything_is_done(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp4")
    with pytest.raises(NoSuchPath, match=r"b\.mp4.*c\*\.mp4"):
        scan([tmp_path / "a.mp4", tmp_path / "b.mp4", tmp_path / "c*.mp4"])
    gone = scan([tmp_path / "b.mp4"], known=[str(tmp_path / "b.mp4")])
    assert gone.roots == [str(tmp_path / "b.mp4")]
