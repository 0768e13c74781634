"""The readers give the published counts on the real files, and say what they drop."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from pathlib import Path

import pytest
from annotation_files import msrvtt_sentences, real

from fdaclip.data import DATASETS, DataError, Dropped, load_dataset, selection_splits
from fdaclip.data.load import plan


@pytest.mark.parametrize(
    ("name", "split", "protocol", "videos", "captions", "queries"),
    [
        ("msrvtt", "test", None, 1000, 1000, 1000),
        ("msrvtt", "test", "1k-A 7k", 1000, 1000, 1000),
        ("msrvtt", "train", None, 9000, 0, 0),
        ("msrvtt", "train", "7k", 7010, 0, 0),
        ("msrvtt", "train", "full", 6513, 0, 0),
        ("msrvtt", "val", "full", 497, 0, 0),
        ("msrvtt", "test", "full", 2990, 0, 0),
        ("msvd", "train", None, 1200, 48_774, 48_774),
        ("msvd", "val", None, 100, 4290, 4290),
        ("msvd", "test", None, 670, 27_763, 27_763),
        ("didemo", "val", None, 1094, 4180, 1094),
        ("didemo", "val", "CLIP4Clip", 1065, 4109, 1065),
        ("activitynet", "test", None, 4917, 17_505, 4917),
        ("activitynet", "val_1", "as listed", 4917, 17_505, 4917),
        ("vatex", "train", None, 25_991, 0, 0),
        ("vatex", "val", None, 1500, 0, 0),
        ("vatex", "test", None, 1500, 0, 0),
        ("vatex", "test", "second", 1500, 0, 0),
    ],
)
def test_published_counts(
    name: str, split: str, protocol: str | None, videos: int, captions: int, queries: int
) -> None:
    found = load_dataset(
        name, real(name), split, protocol=protocol, need_videos=False, need_captions=False
    )
    assert (found.videos, found.captions, found.queries) == (videos, captions, queries)
    assert found.sources and all(len(digest) == 64 for digest in found.sources.values())


def test_the_test_of_1k_a_is_the_rows_of_its_file() -> None:
    folder = real("msrvtt")
    found = load_dataset("MSR-VTT", folder, "test", need_videos=False)
    with (folder / "MSRVTT_JSFUSION_test.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(r.name, *r.captions) for r in found.records] == [
        (row["video_id"], row["sentence"]) for row in rows
    ]
    assert len({record.captions for record in found.records}) == 995


@pytest.fixture(scope="module")
def msrvtt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real lists with sentences of the true schema and counts."""
    folder = tmp_path_factory.mktemp("msrvtt")
    for path in real("msrvtt").glob("*.csv"):
        shutil.copy(path, folder)
    msrvtt_sentences(folder, "MSRVTT_data.json", range(10_000))
    return folder


@pytest.mark.parametrize(
    ("protocol", "split", "videos", "queries"),
    [
        ("1k-A 9k", "train", 9000, 180_000),
        ("1k-A 7k", "train", 7010, 140_200),
        ("full", "val", 497, 9940),
        ("1k-A 9k", "held_out", 450, 9000),
    ],
)
def test_msrvtt_with_sentences(
    msrvtt: Path, protocol: str, split: str, videos: int, queries: int
) -> None:
    found = load_dataset("msrvtt", msrvtt, split, protocol=protocol, need_videos=False)
    assert (found.videos, found.queries) == (videos, queries)
    record = found.records[5]
    assert record.captions[3] == f"sentence 3 of video {record.name.removeprefix('video')}"
    assert found.seconds[0] == pytest.approx(11.72)


def test_held_out_and_fit_part_train_and_never_meet_the_test() -> None:
    parts = {
        split: {
            record.name
            for record in load_dataset(
                "msrvtt", real("msrvtt"), split, need_videos=False, need_captions=False
            ).records
        }
        for split in ("train", "fit", "held_out", "test")
    }
    assert parts["fit"] | parts["held_out"] == parts["train"]
    assert not parts["fit"] & parts["held_out"]
    assert not parts["train"] & parts["test"]


def test_msrvtt_from_the_two_official_files(msrvtt: Path, tmp_path: Path) -> None:
    for path in msrvtt.glob("*.csv"):
        shutil.copy(path, tmp_path)
    msrvtt_sentences(tmp_path, "train_val_videodatainfo.json", range(7010))
    msrvtt_sentences(tmp_path, "test_videodatainfo.json", range(7010, 10_000))
    one, two = (
        load_dataset("msrvtt", folder, "val", protocol="full", need_videos=False)
        for folder in (msrvtt, tmp_path)
    )
    assert one.queries == 9940 and one.hash == two.hash


def test_sentences_in_another_language_are_not_taken_for_the_benchmark() -> None:
    with pytest.raises(DataError, match=r"MSRVTT_data\.json.*is in .*msrvtt or below"):
        load_dataset("msrvtt", real("msrvtt"), "train", need_videos=False)


def test_the_real_file_of_the_same_schema_is_read(tmp_path: Path) -> None:
    """Italian and incomplete, but of the official schema: read under the official name."""
    folder = real("msrvtt")
    shutil.copy(folder / "MSRVTT_train.7k.csv", tmp_path)
    content = gzip.decompress((folder / "MSRVTT_data.italian.json.gz").read_bytes())
    (tmp_path / "MSRVTT_data.json").write_bytes(content)
    found = load_dataset("msrvtt", tmp_path, "train", protocol="7k", need_videos=False)
    assert (found.videos, found.queries) == (7010, 140_200)


def test_a_list_and_a_caption_in_one_json(tmp_path: Path) -> None:
    rows = [{"video": f"video{n}.mp4", "caption": f"clip {n}"} for n in range(1000)]
    (tmp_path / "msrvtt_test_1k.json").write_text(json.dumps(rows))
    pairs = [
        {"video": f"video{n}.mp4", "caption": [f"{n} {k}" for k in range(20)]} for n in range(9000)
    ]
    (tmp_path / "msrvtt_train_9k.json").write_text(json.dumps(pairs))
    test = load_dataset("msrvtt", tmp_path, "test", need_videos=False)
    train = load_dataset("msrvtt", tmp_path, "train", need_videos=False)
    assert (test.queries, train.queries) == (1000, 180_000)
    assert test.records[7].name == "video7" and train.records[7].captions[2] == "7 2"


def test_didemo_joins_sentences_in_time_or_as_clip4clip_does() -> None:
    folder = real("didemo")
    moments = json.loads((folder / "val_data.json").read_text())
    wanted = set((folder / "ce_val_list.txt").read_text().split())
    in_file: dict[str, list[str]] = {}
    in_time: dict[str, list[tuple[float, float, int, str]]] = {}
    for order, moment in enumerate(moments):
        text = " ".join(moment["description"].split())
        in_file.setdefault(moment["video"], []).append(text)
        starts, ends = zip(*moment["times"], strict=True)
        key = (sum(starts) / len(starts), sum(ends) / len(ends), order, text)
        in_time.setdefault(moment["video"], []).append(key)
    listed = load_dataset("didemo", folder, "val", protocol="CLIP4Clip", need_videos=False)
    assert {r.name: r.captions for r in listed.records} == {
        name: (" ".join(texts),) for name, texts in in_file.items() if name in wanted
    }
    timed = load_dataset("didemo", folder, "val", need_videos=False)
    assert {r.name: r.captions for r in timed.records} == {
        name: (" ".join(key[-1] for key in sorted(keys)),) for name, keys in in_time.items()
    }
    assert all(record.end == 30 for record in timed.records)
    (dropped,) = listed.dropped
    assert (dropped.what, dropped.count) == ("videos", 29) and "ce_val_list.txt" in dropped.why


def test_activitynet_joins_sentences_in_time_or_as_listed() -> None:
    folder = real("activitynet")
    content = json.loads((folder / "val_1.json").read_text())
    listed = load_dataset("activitynet", folder, "test", protocol="as listed", need_videos=False)
    timed = load_dataset("activitynet", folder, "test", need_videos=False)
    differ = 0
    for one, other in zip(listed.records, timed.records, strict=True):
        sentences = [" ".join(s.split()) for s in content[one.name]["sentences"]]
        assert one.captions == (" ".join(sentences),)
        order = sorted(range(len(sentences)), key=lambda i: content[one.name]["timestamps"][i])
        assert other.captions == (" ".join(sentences[i] for i in order),)
        differ += one.captions != other.captions
    assert differ == 293
    assert "  " not in "".join(record.captions[0] for record in timed.records)


def test_vatex_from_one_mapping_or_the_official_lists(tmp_path: Path) -> None:
    folder = real("vatex")
    ids = {split: (folder / f"{split}_list.txt").read_text().split() for split in ("val", "test")}
    both = ids["val"] + ids["test"]
    english = {name: [f"{name} does {k}" for k in range(10)] for name in both}
    one, two = tmp_path / "one", tmp_path / "two"
    for place in (one, two):
        place.mkdir()
        for path in folder.glob("*.txt"):
            shutil.copy(path, place)
    mapping = {name: {"enCap": english[name], "chCap": ["字"]} for name in both}
    (one / "vatex_data.json").write_text(json.dumps(mapping))
    rows = [{"videoID": name, "enCap": english[name], "chCap": ["字"]} for name in both]
    (two / "vatex_validation_v1.0.json").write_text(json.dumps(rows))
    first = load_dataset("vatex", one, "test", need_videos=False)
    assert (first.videos, first.queries) == (1500, 15_000)
    assert first.hash == load_dataset("vatex", two, "test", need_videos=False).hash
    assert first.seconds[0] == 10
    second = load_dataset("vatex", one, "test", protocol="second", need_videos=False)
    assert second.queries == 15_000
    shared = {r.name for r in first.records} & {r.name for r in second.records}
    assert len(shared) == 724


def lsmdc(folder: Path, rows: list[str]) -> None:
    (folder / "LSMDC16_challenge_1000_publictect.csv").write_text("\n".join(rows) + "\n")


def lsmdc_row(number: int, sentence: str = "SOMEONE walks.") -> str:
    times = ["00.05.16.065", "00.05.21.941"]
    clip = f"10{number % 90:02d}_Film_{number}_" + "-".join(times)
    return "\t".join([clip, *times, *times, sentence])


def test_lsmdc(tmp_path: Path) -> None:
    broken = "1012_Unbreakable_00.05.16.065-00.05.21.941\ta\tb\tc\td\tsentence"
    lsmdc(tmp_path, [lsmdc_row(n) for n in range(1000)] + [broken, "half a row"])
    found = load_dataset("lsmdc", tmp_path, "test", need_videos=False)
    assert (found.videos, found.queries) == (1000, 1000)
    assert found.seconds[0] == pytest.approx(5.876)
    film = found.records[3].path.relative_to(tmp_path)
    assert film.parts == ("1003_Film_3", f"{found.records[3].name}.avi")
    assert [(d.what, d.count) for d in found.dropped] == [("rows", 1), ("rows", 1)]
    assert "damaged" in found.dropped[1].why


def test_a_clip_of_lsmdc_keeps_all_its_sentences(tmp_path: Path) -> None:
    rows = [lsmdc_row(1, "One."), lsmdc_row(2), lsmdc_row(1, "Two.")]
    (tmp_path / "LSMDC16_annos_training.csv").write_text("\n".join(rows))
    found = load_dataset("lsmdc", tmp_path, "train", need_videos=False)
    assert [len(record.captions) for record in found.records] == [2, 1]


def test_too_few_is_an_error_that_says_what_is_missing(tmp_path: Path) -> None:
    shutil.copy(real("msvd") / "test_list.txt", tmp_path)
    content = json.loads((real("msvd") / "captions_msvd.json").read_text())
    for name in ("eyhzdC936uk_15_27", "f-24IxG9ijw_25_40"):
        del content[name]
    content["f9Won2JpOEU_60_80"][0] = "   "
    (tmp_path / "captions_msvd.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"2 videos too few and \d+ queries too few.*eyhzdC936uk"):
        load_dataset("msvd", tmp_path, "test", need_videos=False)
    found = load_dataset("msvd", tmp_path, "test", need_videos=False, allow_missing=True)
    assert found.videos == 668
    told = [str(dropped) for dropped in found.dropped]
    assert any("without a sentence" in line and "eyhzdC936uk_15_27" in line for line in told)
    assert any(line.startswith("1 sentences dropped: empty") for line in told)
    assert any(line.startswith("2 videos dropped: published") for line in told)


def test_too_many_is_always_an_error(tmp_path: Path) -> None:
    lsmdc(tmp_path, [lsmdc_row(n) for n in range(1001)])
    for allowed in (False, True):
        with pytest.raises(DataError, match="1,001 videos in these files; 1,000 are published"):
            load_dataset("lsmdc", tmp_path, "test", need_videos=False, allow_missing=allowed)


def test_neighbouring_data_sets_are_told_apart() -> None:
    """Four data sets below one folder, three of them with a test_list.txt."""
    root = real("msvd").parent
    assert load_dataset("msvd", root, "test", need_videos=False).queries == 27_763
    found = plan("vatex", root, "test")
    assert len(found.entries) == 1500 and found.lacking is not None


def test_two_files_of_one_name_that_differ_are_not_guessed_at(tmp_path: Path) -> None:
    for place, text in (("x", "a\n"), ("y", "b\n")):
        (tmp_path / place).mkdir()
        (tmp_path / place / "test_list.txt").write_text(text)
    with pytest.raises(DataError, match="have one name and differ"):
        load_dataset("msvd", tmp_path, "test")


@pytest.mark.parametrize(
    ("name", "split", "protocol", "told"),
    [
        ("imagenet", "test", None, "no data set 'imagenet'.*msrvtt"),
        ("msvd", "dev", None, r"no split 'dev'.*train, val, test"),
        ("msrvtt", "val", None, r"\(1k-A 9k\) has no split 'val'.*held_out"),
        ("msrvtt", "test", "2k", "no protocol '2k'.*1k-A 9k, 1k-A 7k, full"),
        ("didemo", "train", None, r"train_data\.json is not in"),
    ],
)
def test_wrong_wishes(name: str, split: str, protocol: str | None, told: str) -> None:
    root = real("msvd").parent
    with pytest.raises(DataError, match=told):
        load_dataset(name, root, split, protocol=protocol, need_videos=False)


def test_an_epoch_is_never_chosen_on_what_is_tested() -> None:
    for benchmark in DATASETS.values():
        for protocol, splits in benchmark.protocols.items():
            if "train" not in splits:
                continue
            fit, val = selection_splits(benchmark.name, protocol)
            chosen = benchmark.split(protocol, val)
            assert chosen != benchmark.split(protocol, "test")
            assert benchmark.split(protocol, fit) != chosen


@pytest.mark.parametrize(
    ("spoil", "told"), [(b"\xff\xfe\x00", "not UTF-8 in line 1"), (b"{", "JSON")]
)
def test_a_damaged_file_is_named(tmp_path: Path, spoil: bytes, told: str) -> None:
    (tmp_path / "val_1.json").write_bytes(spoil)
    with pytest.raises(DataError, match=rf"val_1\.json.*{told}"):
        load_dataset("activitynet", tmp_path, "test")


def test_what_was_dropped_is_one_line() -> None:
    assert str(Dropped("videos", 1200, "empty")) == "1,200 videos dropped: empty"
    assert str(Dropped("rows", 2, "empty", ("a", "b"))) == "2 rows dropped: empty (a, b)"
    assert str(Dropped("rows", 3, "empty", ("a", "b"))) == "3 rows dropped: empty (a, b, …)"
