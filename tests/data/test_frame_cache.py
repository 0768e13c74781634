"""The frame cache gives what the files give, goes on where it was stopped, and trusts nothing."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from graded_films import film, number

from fdaclip.data import Augmentation, Clips, DataError, FrameCache, Frames, Record, StaleCache
from fdaclip.data.blobs import Blobs, appending, shard_path
from fdaclip.model.preprocess import Preprocess
from fdaclip.motion import MotionConfig
from fdaclip.video import Sampling, write_video

FRAMES = Frames(Sampling(4), MotionConfig(short_side=32), Preprocess(48), 48)


def records_of(folder: Path) -> list[Record]:
    return [Record(p.stem, p, (f"about {p.stem}",)) for p in sorted(folder.glob("*.mp4"))]


@pytest.fixture(scope="module")
def records(films: Path) -> list[Record]:
    """Four films, one of them twice in part."""
    whole = records_of(films)
    return [*whole, Record("part", whole[0].path, ("x",), 1.0, 2.0)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def exact(store: Path, records: list[Record]) -> FrameCache:
    return FrameCache.build(store, records, FRAMES, quality="raw", workers=1)


@pytest.fixture(scope="module")
def varied(store: Path, records: list[Record]) -> FrameCache:
    return FrameCache.build(store, records, FRAMES, positions=3, workers=1)


def test_raw_clips_are_those_of_the_files_to_the_bit(
    exact: FrameCache, records: list[Record]
) -> None:
    cached, direct = Clips(records, FRAMES, cache=exact), Clips(records, FRAMES)
    for i in range(len(records)):
        one, other = cached.view(i), direct.view(i)
        assert (one.rgba == other.rgba).all()
        assert one.kind == other.kind
        np.testing.assert_allclose(one.energy, other.energy, atol=1e-6)
        np.testing.assert_allclose(one.share, other.share, atol=1e-6)


def test_jpeg_differs_little_and_masks_not_at_all(
    varied: FrameCache, records: list[Record]
) -> None:
    cached, direct = Clips(records, FRAMES, cache=varied), Clips(records, FRAMES)
    for i in range(len(records)):
        one, other = cached[i], direct[i]
        assert (one[:, 3] == other[:, 3]).all()
        assert np.abs(one[:, :3].astype(int) - other[:, :3]).mean() < 1.5


def test_films_in_which_nothing_moves(tmp_path: Path) -> None:
    """All their masks are all ones and take no bytes, so that the masks' file is empty."""
    write_video(tmp_path / "still.mp4", (np.full((64, 96, 3), 90, np.uint8) for _ in range(20)), 10)
    records = records_of(tmp_path)
    cache = FrameCache.build(tmp_path / "cache", records, FRAMES, quality="raw", workers=1)
    rgba = Clips(records, FRAMES, cache=cache)[0]
    assert (rgba == Clips(records, FRAMES)[0]).all() and (rgba[:, 3] == 255).all()


def test_masks_of_another_config_come_from_the_lumas(
    store: Path, varied: FrameCache, records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(FRAMES, motion=replace(FRAMES.motion, soft=False, floor=3.0, dilate=0.1))
    with pytest.raises(StaleCache, match="has motion"):
        Clips(records, other, cache=varied)

    def no_decoding(work: object, paths: dict[Path, object], workers: int) -> Iterator[object]:
        assert not paths
        return iter(())

    monkeypatch.setattr("fdaclip.data.cache.work_isolated", no_decoding)
    cache = FrameCache.build(store, records, other, positions=3, workers=1)
    assert cache.folder == varied.folder
    cached, direct = Clips(records, other, cache=cache), Clips(records, other)
    for i in range(len(records)):
        assert (cached[i][:, 3] == direct[i][:, 3]).all()


def test_positions_lie_within_their_segments(varied: FrameCache, records: list[Record]) -> None:
    """The films have 30 frames, 7.5 a segment; the grey of each tells which it is."""
    rng = np.random.default_rng(0)
    seen: list[set[int]] = [set() for _ in range(4)]
    for _ in range(40):
        for t, frame in enumerate(varied.read(records[1], rng).rgb):
            seen[t].add(round(number(frame)))
    for t, numbers in enumerate(seen):
        assert len(numbers) == 3
        assert all(7.5 * t - 1 <= n <= 7.5 * (t + 1) for n in numbers)


def test_augmented_draws_come_from_the_cache(varied: FrameCache, records: list[Record]) -> None:
    clips = Clips(
        records, FRAMES, cache=varied, augmentation=Augmentation(segments=True, crop=0.6, flip=0.5)
    )
    one, same = (clips.draw(2, np.random.default_rng(3)) for _ in range(2))
    assert one.shape == (4, 4, 48, 48) and one.dtype == np.uint8
    assert (one == same).all()
    assert (one != clips.draw(2, np.random.default_rng(4))).any()


def test_segments_need_positions(exact: FrameCache, records: list[Record]) -> None:
    with pytest.raises(ValueError, match="positions=3"):
        Clips(records, FRAMES, cache=exact, augmentation=Augmentation(segments=True))
    with pytest.raises(ValueError, match="only one position"):
        FrameCache("x", replace(FRAMES, sampling=Sampling(4, "sampled")), positions=3)
    with pytest.raises(ValueError, match="only one position"):
        FrameCache("x", replace(FRAMES, sampling=Sampling(4, anchored=True)), positions=3)


def test_masks_from_the_codec_are_not_cached() -> None:
    with pytest.raises(DataError, match=r"motion\.source is codec"):
        FrameCache("x", replace(FRAMES, motion=MotionConfig(source="codec")))


@pytest.mark.parametrize("wrong", [{"positions": 2}, {"positions": 0}, {"quality": 0}])
def test_values_out_of_range(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FrameCache("x", FRAMES, **wrong)  # type: ignore[arg-type]


def test_every_setting_that_changes_a_pixel_changes_the_folder() -> None:
    folders = {
        FrameCache("x", frames, positions=positions, quality=quality).folder
        for frames in (
            FRAMES,
            replace(FRAMES, sampling=Sampling(5)),
            replace(FRAMES, sampling=Sampling(4, 0.2)),
            replace(FRAMES, short_side=40),
            replace(FRAMES, motion=replace(FRAMES.motion, short_side=40)),
        )
        for positions in (1, 3)
        for quality in (90, 95, "raw")
    }
    anchored = replace(FRAMES, sampling=Sampling(4, anchored=True))
    assert FrameCache("x", anchored).folder not in folders
    assert len(folders) == 30


def test_it_goes_on_where_it_was_stopped(
    tmp_path: Path, records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped at once after each commit, with all kinds of unfinished ends left behind."""
    monkeypatch.setattr("fdaclip.data.blobs.COMMIT", 1)

    class Killed(BaseException):
        pass

    def kill(done: int, total: int) -> None:
        if done == 3:
            raise Killed

    with pytest.raises(Killed):
        FrameCache.build(tmp_path, records, FRAMES, workers=1, progress=kill)
    cache = FrameCache(tmp_path, FRAMES)
    kept = len(records) - len(cache.lacking(records))
    assert kept >= 2
    for layer in (cache._pixels.folder, cache._masks.folder):
        with shard_path(layer, 0).open("ab") as file:
            file.write(b"half a blob")
        with (layer / "index.jsonl").open("a") as index:
            index.write('{"name": "half a li')
    # The masks of one clip never reached the disk.
    index = cache._masks.folder / "index.jsonl"
    index.write_text("".join(index.read_text().splitlines(keepends=True)[1:]))
    seen: list[tuple[int, int]] = []
    cache = FrameCache(tmp_path, FRAMES)
    cache.fill(records, workers=1, progress=lambda *step: seen.append(step))
    assert seen[-1] == (len(records), len(records))
    direct = Clips(records, FRAMES)
    cached = Clips(records, FRAMES, cache=cache)
    for i in range(len(records)):
        assert (cached[i][:, 3] == direct[i][:, 3]).all()
        assert np.abs(cached[i][:, :3].astype(int) - direct[i][:, :3]).mean() < 1.5


BUILD = """
import pickle, sys
from fdaclip.data import FrameCache
if __name__ == "__main__":
    folder, records, frames = pickle.load(open(sys.argv[1], "rb"))
    FrameCache.build(folder, records, frames, workers=1)
"""


@pytest.mark.slow
def test_killed_at_any_time_it_goes_on(tmp_path: Path, films: Path) -> None:
    """kill -9 at random moments, with a commit every tenth of a second, leaves no trace."""
    records = [
        Record(f"{path.stem}{k}", path, ("x",), k / 20, k / 20 + 1)
        for path in sorted(films.glob("*.mp4"))
        for k in range(40)
    ]
    work = tmp_path / "work.pkl"
    work.write_bytes(pickle.dumps((tmp_path / "cache", records, FRAMES)))
    script = tmp_path / "build.py"
    commit = "import fdaclip.data.blobs as blobs\nblobs.COMMIT_EVERY = 0.1\n"
    script.write_text(commit + BUILD)
    rng, lacking = np.random.default_rng(0), [len(records)]
    for _ in range(12):
        process = subprocess.Popen([sys.executable, script, work])
        with suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(1.5, 3.0))
        process.kill()
        process.wait()
        lacking.append(len(FrameCache(tmp_path / "cache", FRAMES).lacking(records)))
    assert lacking == sorted(lacking, reverse=True) and len(set(lacking)) > 3
    cache = FrameCache.build(tmp_path / "cache", records, FRAMES, workers=1)
    whole = FrameCache.build(tmp_path / "whole", records, FRAMES, workers=1)
    one, other = (Clips(records, FRAMES, cache=c) for c in (cache, whole))
    assert all((one[i] == other[i]).all() for i in range(len(records)))


def test_a_file_is_known_by_its_content(tmp_path: Path, films: Path) -> None:
    there = tmp_path / "videos"
    shutil.copytree(films, there)
    records = records_of(there)[:2]
    FrameCache.build(tmp_path / "cache", records, FRAMES, workers=1)

    def lacking(of: list[Record]) -> list[str]:
        return [r.name for r in FrameCache(tmp_path / "cache", FRAMES).lacking(of)]

    assert lacking(records) == []
    os.utime(records[0].path, (1, 1))  # touched
    moved = replace(records[1], name="other", path=tmp_path / "moved.mp4")
    records[1].path.rename(moved.path)
    assert lacking([records[0], moved]) == []
    assert lacking(records) == []  # where the file is gone, the name counts
    film(records[0].path, seed=9)  # another film of that name
    assert lacking(records) == ["a"]


def test_a_bad_file_is_left_out_and_named(tmp_path: Path, films: Path) -> None:
    shutil.copy(films / "a.mp4", tmp_path)
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    records = [*records_of(tmp_path), Record("late", tmp_path / "a.mp4", ("x",), 50.0)]
    cache = FrameCache.build(tmp_path / "cache", records, FRAMES, workers=1)
    assert set(cache.failed) == {"bad", "late"} and "50.00 s onwards" in cache.failed["late"]
    with pytest.raises(StaleCache, match=r"2 of 3 records are not in the cache .*\(bad, late\)"):
        Clips(records, FRAMES, cache=cache)
    assert len(Clips(records[:1], FRAMES, cache=cache)) == 1


def test_a_bad_stretch_spoils_no_other_of_its_file(tmp_path: Path, films: Path) -> None:
    spans = ((50.0, None), (0.0, 1.0), (60.0, 61.0), (1.0, None))
    records = [Record(str(n), films / "a.mp4", ("x",), *s) for n, s in enumerate(spans)]
    cache = FrameCache.build(tmp_path, records, FRAMES, workers=1)
    assert set(cache.failed) == {"0", "2"}
    assert [r.name for r in cache.lacking(records)] == ["0", "2"]


def test_damage_on_disk_is_noticed(tmp_path: Path, records: list[Record]) -> None:
    cache = FrameCache.build(tmp_path, records[:1], FRAMES, workers=1)
    with shard_path(cache._pixels.folder, 0).open("r+b") as file:
        file.seek(100)
        file.write(b"\x00\x01\x02")
    with pytest.raises(StaleCache, match="damaged"):
        Clips(records[:1], FRAMES, cache=FrameCache(tmp_path, FRAMES))[0]


def test_the_size_is_told_beforehand(tmp_path: Path, records: list[Record]) -> None:
    cache = FrameCache(tmp_path, FRAMES, quality="raw")
    told = cache.estimate(records, workers=1)
    assert told.clips == len(records) and told.free > 0
    announced = []
    cache.fill(records, workers=1, announce=announced.append)
    assert announced == [replace(told, free=announced[0].free)]
    used = sum(p.stat().st_size for p in cache.folder.rglob("*.bin"))
    assert told.bytes == pytest.approx(used, rel=0.05)
    assert cache.estimate(records, workers=1).clips == 0


def test_a_full_disk_is_told_before_anything_is_written(
    tmp_path: Path, records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr("shutil.disk_usage", lambda path: full)
    with pytest.raises(DataError, match=r"needs about 0\.0 GB.*has 0\.0 GB left"):
        FrameCache.build(tmp_path / "cache", records, FRAMES, workers=1)
    assert not (tmp_path / "cache").exists()


def test_it_travels_to_workers(varied: FrameCache, records: list[Record]) -> None:
    clips = Clips(records, FRAMES, cache=varied)
    clips[0]
    sent = pickle.loads(pickle.dumps(clips))
    assert (sent[1] == clips[1]).all()


def test_blobs_fill_several_files_and_the_latest_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fdaclip.data.blobs.SHARD", 100)
    with appending(tmp_path) as appender:
        for number in range(10):
            appender.append(str(number), [bytes([number]) * 30, b"", b"x"], note=number)
        appender.append("3", [b"new"])
    with appending(tmp_path) as appender:
        appender.append("ten", [b"y" * 200])
        with pytest.raises(DataError, match="another process"), appending(tmp_path):
            pass
    blobs = Blobs(tmp_path)
    assert [bytes(p) for p in blobs.parts("7", [2, 0])] == [b"x", b"\x07" * 30]
    assert bytes(blobs.parts("3", [0])[0]) == b"new" and blobs.rows["5"]["note"] == 5
    assert len(list(tmp_path.glob("*.bin"))) > 3
    assert bytes(blobs.parts("ten", [0])[0]) == b"y" * 200
    with pytest.raises(StaleCache, match="has no gone"):
        blobs.parts("gone", [0])
