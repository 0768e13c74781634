"""One's own CSV, TSV, JSON Lines and Parquet give one and the same dataset."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from fdaclip.data import DataError, load_dataset, selection_splits

ROWS: list[dict[str, Any]] = [
    {"video": "a.mp4", "caption": "a cat, asleep", "start": None, "end": None, "split": "train"},
    {"video": "b.mp4", "caption": 'says "hello"', "start": 1.5, "end": 4.0, "split": "train"},
    {"video": "a.mp4", "caption": "it wakes\nup", "start": None, "end": None, "split": "train"},
    {"video": "b.mp4", "caption": "later", "start": 4.0, "end": None, "split": "train"},
    {"video": "c/d.mp4", "caption": "ein Hund 犬", "start": 0, "end": 2, "split": "test"},
]


def table(path: Path, rows: list[dict[str, Any]], delimiter: str = ",") -> None:
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, rows[0].keys(), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    table(tmp_path / "one.csv", ROWS)
    table(tmp_path / "semicolons.csv", ROWS, ";")
    table(tmp_path / "one.tsv", ROWS, "\t")
    lines(tmp_path / "one.jsonl", ROWS)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "one.parquet")
    return tmp_path


FILES = ("one.csv", "semicolons.csv", "one.tsv", "one.jsonl", "one.parquet")


@pytest.mark.parametrize("name", FILES)
def test_all_formats_read_alike(folder: Path, name: str) -> None:
    train = load_dataset(str(folder / name), folder, "train", need_videos=False)
    assert [(r.name, r.captions, r.start, r.end) for r in train.records] == [
        ("a.mp4", ("a cat, asleep", "it wakes up"), 0.0, None),
        ("b.mp4[1.5-4]", ('says "hello"',), 1.5, 4.0),
        ("b.mp4[4-]", ("later",), 4.0, None),
    ]
    assert train.seconds == (None, 2.5, None)
    assert (train.protocol, train.videos, train.queries) == ("own", 3, 4)
    test = load_dataset(str(folder / name), folder, "test", need_videos=False)
    assert test.records[0].captions == ("ein Hund 犬",)
    everything = load_dataset(str(folder / name), folder, "all", need_videos=False)
    assert everything.queries == 5


def test_captions_may_be_lists_and_columns_have_other_names(tmp_path: Path) -> None:
    rows = [{"Video_ID": "a", "captions": ["one", " two ", ""]}, {"path": "b", "text": "three"}]
    lines(tmp_path / "own.jsonl", rows)
    found = load_dataset(str(tmp_path / "own.jsonl"), tmp_path, "all", need_videos=False)
    assert [record.captions for record in found.records] == [("one", "two"), ("three",)]


def test_which_splits_choose_an_epoch(folder: Path) -> None:
    assert selection_splits(str(folder / "one.csv")) == ("fit", "held_out")
    table(folder / "val.csv", [*ROWS, {**ROWS[0], "split": "val"}])
    assert selection_splits(str(folder / "val.csv")) == ("train", "val")


def test_rows_without_a_caption_are_dropped_and_told(tmp_path: Path) -> None:
    table(tmp_path / "own.csv", [{"video": "a", "caption": "x"}, {"video": "b", "caption": " "}])
    found = load_dataset(str(tmp_path / "own.csv"), tmp_path, "all", need_videos=False)
    assert str(found.dropped[0]) == "1 rows dropped: without a caption (b)"


def test_fit_and_held_out_keep_the_parts_of_a_video_together(tmp_path: Path) -> None:
    rows = [
        {"video": f"v{n}.mp4", "caption": f"{n} {k}", "start": k, "end": k + 1}
        for n in range(40)
        for k in range(3)
    ]
    table(tmp_path / "own.csv", rows)
    name = str(tmp_path / "own.csv")
    fit, held = (
        load_dataset(name, tmp_path, split, need_videos=False) for split in ("fit", "held_out")
    )
    videos = [{record.path.name for record in part.records} for part in (fit, held)]
    assert not videos[0] & videos[1]
    assert (len(videos[1]), held.videos, fit.videos) == (2, 6, 114)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no rows"),
        ("clip,caption\na,b\n", "no column video, but clip, caption"),
        ("video,words\na,b\n", "no column caption"),
        ("video,caption\n,b\n", "row 2 names no video"),
        ("video,caption\na,b, c\n", "row 2 has more cells"),
        ("video,caption,start\na,b,soon\n", "row 2: 'soon' is no number of seconds"),
        ("video,caption,start\na,b,inf\n", "row 2: 'inf' is no number"),
        ("video,caption,start,end\na,b,1,2\na,b,5,5\n", "row 3: a stretch from 5 to 5 s is none"),
        ("video,caption,start\na,b,-1\n", "row 2: a stretch from -1"),
    ],
)
def test_faults_are_named_with_their_row(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "own.csv").write_text(text)
    with pytest.raises(DataError, match=told):
        load_dataset(str(tmp_path / "own.csv"), tmp_path, "all", need_videos=False)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("video,caption,split\na,b,train\n", "no row of the split 'test'.*its splits: train"),
        ("video,caption\na,b\n", "no row of the split 'test'.*ask for the split all"),
    ],
)
def test_a_split_that_is_not_there(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "own.csv").write_text(text)
    with pytest.raises(DataError, match=told):
        load_dataset(str(tmp_path / "own.csv"), tmp_path, "test", need_videos=False)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("own.jsonl", b'{"video": "a", "caption": "x"}\n{"video"\n', "line 2 is no JSON"),
        ("own.jsonl", b"[1]\n", "line 1 is no JSON object"),
        ("own.parquet", b"PAR1 not", "is no Parquet file"),
        ("own.csv", b"video,caption\na,caf\xe9\n", "not UTF-8 in line 2"),
    ],
)
def test_damaged_files(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=told):
        load_dataset(str(tmp_path / name), tmp_path, "all", need_videos=False)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a file"):
        load_dataset(str(tmp_path / "gone.csv"), tmp_path, "all")
