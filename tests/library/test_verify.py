"""Whatever is damaged is found, and mended: a second look finds nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_films import SIZE, FakeEncoder, unit

from fdaclip.cli import run
from fdaclip.library import Library
from fdaclip.library import ingest as ingest_module
from fdaclip.library.names import from_key, to_key
from fdaclip.library.rows import Moment, Text, Video
from fdaclip.library.stamp import SCHEMA, Stamp, read_stamp, write_stamp
from fdaclip.library.store import Store
from fdaclip.video.isolated import Finished, Result

NAMES = (b"a.mp4", b"b \xff\n.mp4", b"c.mp4", b"copy of c.mp4")
LENGTH = 20.0  # s, of each film
SPANS = ((0.0, 10.0), (10.0, 20.0))


@dataclass
class Shelf:
    """A sound library of four files, two of which have the same content, to be damaged."""

    library: Library
    store: Store
    videos: list[Video]

    @property
    def paths(self) -> list[str]:
        return [from_key(video.path) for video in self.videos]

    def rewrite(self, number: int, moments: list[Moment]) -> None:
        """Give the file other moments, in place of its own."""
        video = self.videos[number]
        self.store._moments.delete(f"take = {video.take}")
        if moments:
            self.store.commit({video.take: moments}, [])

    def kinds(self, repair: bool = False) -> set[tuple[str, str]]:
        return {(p.kind, p.path) for p in self.library.verify(repair=repair)}


def moments(number: int) -> list[Moment]:
    return [
        Moment(start, end, unit(f"{number} {start}".encode()), 0.1, 0.2, 1.0)
        for start, end in SPANS
    ]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    folder, files = tmp_path / "l.fdaclip", tmp_path / "files"
    files.mkdir()
    videos = []
    for number, name in enumerate(NAMES):
        path = os.fsdecode(os.path.join(os.fsencode(files), name))  # noqa: PTH118
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(bytes(number + 1))
        status = os.stat(path)  # noqa: PTH116
        take = 101 + min(number, 2)
        key, size, time = to_key(path), status.st_size, status.st_mtime_ns
        videos.append(
            Video(key, size, time, str(take), take, "ok", "", duration=LENGTH, moments=len(SPANS))
        )
    store = Store.create(folder, SIZE)
    store.commit({101 + number: moments(number) for number in range(3)}, videos)
    fake = FakeEncoder()
    stamp = Stamp(SCHEMA, fake.fingerprint, SIZE, "fake", asdict(fake.sampling), {}, 8.0, "now")
    write_stamp(folder, replace(stamp, motion=asdict(fake.motion)))
    return Shelf(Library(folder), store, videos)


def test_a_sound_library_is_left_alone(shelf: Shelf) -> None:
    version = shelf.store.version
    assert shelf.kinds() == shelf.kinds(repair=True) == set()
    assert shelf.store.version == version


VECTORS = {
    "infinite": np.where(np.arange(SIZE) == 3, np.inf, unit(b"x")),
    "huge": np.full(SIZE, 3e38),
    "zero": np.zeros(SIZE),
    "too long": unit(b"x") * 1.01,
    "too short": unit(b"x") * 0.99,
}
BAD_SPANS = {
    "ends before it starts": (12.0, 10.0),
    "is empty": (10.0, 10.0),
    "starts before the video": (-1.0, 10.0),
    "ends after the video": (10.0, LENGTH + 1),
    "starts at no number": (np.nan, 20.0),
    "ends at no number": (10.0, np.nan),
    "never ends": (10.0, np.inf),
    "starts with another": SPANS[0],
}


@dataclass(frozen=True)
class Damage:
    """Something done to a library; what is found then, and which files repairing forgets."""

    do: Callable[[Shelf], None]
    kind: str
    files: tuple[int, ...]


def vector(found: np.ndarray) -> Callable[[Shelf], None]:
    first, second = moments(0)
    bad = replace(second, vector=found.astype(np.float32))
    return lambda shelf: shelf.rewrite(0, [first, bad])


def rot(shelf: Shelf) -> None:
    """Make an element of the first file's vectors a NaN on disk; LanceDB itself would refuse to."""
    element = moments(0)[0].vector[5:6]
    for file in (shelf.library.folder / "moments.lance" / "data").iterdir():
        content = file.read_bytes()
        if element.tobytes() in content:
            file.write_bytes(content.replace(element.tobytes(), (element * np.nan).tobytes()))
    assert np.isnan(shelf.store.moments().vectors).sum() == 1


def spans(start: float, end: float) -> Callable[[Shelf], None]:
    first, second = moments(2)
    return lambda shelf: shelf.rewrite(2, [first, replace(second, start=start, end=end)])


def row(number: int, **changes: object) -> Callable[[Shelf], None]:
    def change(shelf: Shelf) -> None:
        shelf.store.commit({}, [replace(shelf.videos[number], **changes)])  # type: ignore[arg-type]

    return change


DAMAGES = {
    "no moments are there": Damage(lambda s: s.rewrite(1, []), "dangling", (1,)),
    "one is lost": Damage(lambda s: s.rewrite(2, moments(2)[:1]), "dangling", (2, 3)),
    "the row counts wrong": Damage(row(1, moments=3), "dangling", (1,)),
    "a copy's row counts wrong": Damage(row(3, moments=3), "dangling", (3,)),
    "the row names no take": Damage(row(0, take=0), "dangling", (0,)),
    "good, yet none expected": Damage(row(0, take=0, moments=0), "dangling", (0,)),
    "a vector has a NaN": Damage(rot, "vector", (0,)),
    **{f"a vector is {n}": Damage(vector(v), "vector", (0,)) for n, v in VECTORS.items()},
    **{f"a span {n}": Damage(spans(*s), "span", (2, 3)) for n, s in BAD_SPANS.items()},
}


@pytest.mark.parametrize("name", DAMAGES)
def test_unsound_moments_are_found_and_their_files_forgotten(shelf: Shelf, name: str) -> None:
    damage = DAMAGES[name]
    damage.do(shelf)
    hurt = {shelf.paths[number] for number in damage.files}
    found = [problem for problem in shelf.library.verify() if problem.kind != "orphan"]
    assert {(problem.kind, problem.path) for problem in found} == {(damage.kind, p) for p in hurt}
    assert all(p.damage and not p.repaired and "\n" not in p.detail for p in found)
    assert all(problem.repaired for problem in shelf.library.verify(repair=True))
    assert shelf.library.verify() == []
    kept = {from_key(video.path) for video in shelf.store.videos()}
    assert kept == set(shelf.paths) - hurt, "the others stay"


def test_moments_that_no_file_owns_are_dropped(shelf: Shelf) -> None:
    shelf.store.commit({take: moments(take) for take in range(1, 31)}, [])
    assert [problem.kind for problem in shelf.library.verify()] == ["orphan"] * 30
    assert len(shelf.library.verify(repair=True)) == 30
    assert shelf.library.verify() == []
    assert shelf.store.takes().tolist() == [101, 102, 103]


def test_vectors_of_another_length_cost_all_moments_but_not_the_library(
    shelf: Shelf, tmp_path: Path
) -> None:
    other = Store.create(tmp_path / "other", SIZE + 1)
    other.commit({7: [Moment(0, 1, np.ones(SIZE + 1, np.float32) / 17**0.5, 0, 0, 0)]}, [])
    (shelf.library.folder / "moments.lance").rename(tmp_path / "away")
    (tmp_path / "other" / "moments.lance").rename(shelf.library.folder / "moments.lance")
    library = Library(shelf.library.folder)
    kinds = {(problem.kind, problem.path) for problem in library.verify()}
    assert ("vector", "") in kinds
    assert {path for _, path in kinds if path} == set(shelf.paths)
    assert all(problem.repaired for problem in library.verify(repair=True))
    assert library.verify() == []
    assert library.status().files == 0
    store = Store(library.folder)
    store.commit({101: moments(0)}, shelf.videos[:1])
    assert store.moments().vectors.shape == (2, SIZE)


def test_missing_files_are_marked_and_returning_ones_too(shelf: Shelf) -> None:
    path, away = Path(shelf.paths[1]), Path(shelf.paths[1] + ".away")
    path.rename(away)
    assert shelf.kinds() == {("missing", str(path))}
    assert not any(problem.damage for problem in shelf.library.verify())
    assert all(problem.repaired for problem in shelf.library.verify(repair=True))
    assert shelf.library.verify() == []
    assert shelf.library.status().missing == [str(path)]
    away.rename(path)
    assert shelf.kinds() == {("returned", str(path))}
    assert all(problem.repaired for problem in shelf.library.verify(repair=True))
    assert shelf.library.verify() == []
    assert shelf.library.status().missing == []
    assert {video.path: video for video in shelf.store.videos()} == {
        video.path: video for video in shelf.videos
    }


def test_a_missing_file_whose_moments_are_unsound_is_forgotten(shelf: Shelf) -> None:
    DAMAGES["a vector is zero"].do(shelf)
    Path(shelf.paths[0]).unlink()
    assert shelf.kinds() == {("missing", shelf.paths[0]), ("vector", shelf.paths[0])}
    shelf.library.verify(repair=True)
    assert shelf.library.verify() == [] and shelf.library.status().files == 3


def test_changed_files_are_told_and_left_to_add(shelf: Shelf) -> None:
    longer, touched = shelf.paths[:2]
    with open(longer, "ab") as file:  # noqa: PTH123
        file.write(b"more")
    os.utime(touched, ns=(5, 5))
    for repair in (False, True, False):
        problems = shelf.library.verify(repair=repair)
        assert {(p.kind, p.path) for p in problems} == {("changed", longer), ("changed", touched)}
        assert not any(problem.damage or problem.repaired for problem in problems)


def test_everything_at_once(shelf: Shelf) -> None:
    shelf.store.commit({1: moments(1)}, [])
    DAMAGES["a vector has a NaN"].do(shelf)
    DAMAGES["one is lost"].do(shelf)
    Path(shelf.paths[1]).unlink()
    found = {"orphan", "vector", "dangling", "missing"}
    assert {kind for kind, _ in shelf.kinds()} == found
    assert {kind for kind, _ in shelf.kinds(repair=True)} == found
    assert shelf.library.verify() == []
    assert [from_key(video.path) for video in shelf.store.videos()] == [shelf.paths[1]]


def test_what_repair_forgot_the_next_add_indexes_anew(
    tmp_path: Path, films: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def here(work: Callable[[Path], Iterator[object]], paths: Iterator[str], **_: object) -> object:
        for path in paths:
            for value in work(Path(path)):
                yield Result(Path(path), value)
            yield Finished(Path(path))

    monkeypatch.setattr(ingest_module, "work_isolated", here)
    library = Library(tmp_path / "l", encoder)
    library.add(films)
    assert library.verify() == []
    before = [
        (hit.path, hit.start, hit.end) for hit in library.search("x", 100, merge=False, fold=False)
    ]
    take = library._open().videos()[0].take
    library._open()._moments.delete(f"take = {take}")
    assert library.add(films).encoded == 0, "unnoticed until verify"
    library.verify(repair=True)
    assert library.add(films).encoded == 1
    assert [
        (hit.path, hit.start, hit.end) for hit in library.search("x", 100, merge=False, fold=False)
    ] == before
    assert library.verify() == []


def test_the_verb(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    DAMAGES["no moments are there"].do(shelf)
    verb = ["verify", "--library", str(shelf.library.folder)]
    assert run(verb) == 1
    out, err = capsys.readouterr()
    assert out.startswith("dangling: ") and out.endswith(
        "/b \\xff\\x0a.mp4: 0 of its 2 moments are there\n"
    )
    assert out.count("\n") == err.count("\n") == 1 and "verify --repair" in err
    assert run([*verb, "--json"]) == 1
    (problem,) = json.loads(capsys.readouterr().out)
    assert problem["kind"] == "dangling" and problem["repaired"] is False
    assert run([*verb, "--repair"]) == 0
    assert "(repaired)" in capsys.readouterr().out
    assert run(verb) == 0
    assert capsys.readouterr().out == "sound\n"
    assert read_stamp(shelf.library.folder) == shelf.library.stamp


def jpeg() -> bytes:
    kept = BytesIO()
    Image.new("RGB", (32, 24), "red").save(kept, "JPEG")
    return kept.getvalue()


@pytest.mark.parametrize(
    ("picture", "time", "sound"),
    [
        (jpeg(), 3.0, True),
        (None, np.nan, True),
        (jpeg()[:100], 3.0, False),
        (b"no picture", 3.0, False),
        (jpeg(), 12.0, False),
        (jpeg(), np.nan, False),
        (None, 3.0, False),
    ],
)
def test_thumbnails_that_cannot_be_read_are_dropped(
    shelf: Shelf, picture: bytes | None, time: float, sound: bool
) -> None:
    first, second = moments(2)
    shelf.rewrite(2, [replace(first, thumbnail=picture, thumb_time=time), second])
    before = shelf.store.moments().vectors
    expected = {("thumbnail", path) for path in shelf.paths[2:]} if not sound else set()
    assert shelf.kinds() == expected
    assert shelf.kinds(repair=True) == expected and shelf.kinds() == set()
    assert shelf.store.thumbnail(103, 0.0) == (picture if sound else None)
    assert len(shelf.store.videos()) == 4, "nothing is indexed anew for a picture"
    assert sorted(shelf.store.moments().vectors.tolist()) == sorted(before.tolist())


@pytest.mark.parametrize(("shots", "sound"), [((0, 1), True), ((1, 1), True), ((1, 0), False)])
def test_shots_follow_each_other(shelf: Shelf, shots: tuple[int, int], sound: bool) -> None:
    kept = [replace(one, shot=shot) for one, shot in zip(moments(0), shots, strict=True)]
    shelf.rewrite(0, kept[::-1])
    assert shelf.kinds() == (set() if sound else {("shot", shelf.paths[0])})
    shelf.library.verify(repair=True)
    assert shelf.kinds() == set() and len(shelf.store.videos()) == (4 if sound else 3)


def test_texts_that_nobody_owns_or_that_are_not_there(shelf: Shelf) -> None:
    text = [Text(0.0, 1.0, "captions", "hello")]
    owner = replace(shelf.videos[0], words=7, sidecars="a.srt")
    shelf.store.commit({}, [owner], {7: text, 8: text})
    assert shelf.kinds() == {("orphan", "")}
    shelf.library.verify(repair=True)
    assert shelf.kinds() == set() and shelf.store.texts(7) == text
    shelf.store._texts.delete("edition = 7")
    assert shelf.kinds(repair=True) == {("texts", shelf.paths[0])}
    assert shelf.kinds() == set()
    (row,) = (video for video in shelf.store.videos() if video.path == owner.path)
    assert row == replace(owner, words=0, sidecars=""), "the next add reads them again"
