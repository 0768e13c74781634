"""A data set of one's own: a CSV, TSV, JSON Lines or Parquet file of videos and captions.

Columns (or keys): ``video`` and ``caption`` and, where wanted, ``start`` and ``end`` (seconds
within the video) and ``split``. In JSON Lines and Parquet a caption may be a list of several. Rows
of one video and one stretch become one record with several captions.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fdaclip.data.annotations import Annotations, Entry, Read, clean, drop
from fdaclip.data.errors import DataError

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
NAMES = {
    "video": ("video", "video_path", "path", "file", "file_name", "filename", "video_id"),
    "caption": ("caption", "captions", "sentence", "text", "description"),
    "start": ("start", "start_time"),
    "end": ("end", "end_time"),
    "split": ("split", "subset"),
}
ALL = "all"
Row = tuple[int, dict[str, Any]]  # line or row number, its cells by the names of NAMES


def is_own(name: str) -> bool:
    """Is this the path of a file of one's own rather than the name of a benchmark?"""
    return Path(name).suffix.lower() in SUFFIXES


def splits(files: Annotations, path: Path) -> list[str]:
    """The names in the column ``split``, in their order; ``all`` alone where there is none."""
    named = dict.fromkeys(belongs_to(cells) for _, cells in read_rows(files, path))
    return [name for name in named if name] or [ALL]


def read(files: Annotations, path: Path, split: str) -> Read:
    """The entries of one split.

    Raises:
        DataError: the file cannot be read, lacks a column or the split, or a row is at fault; the
            row is named.
    """
    rows = read_rows(files, path)
    there = dict.fromkeys(belongs_to(cells) for _, cells in rows)
    if split != ALL and split not in there:
        has = ", ".join(name for name in there if name)
        raise DataError(
            f"{path} has no row of the split {split!r}",
            f"its splits: {has}" if has else "it has no column split; ask for the split all",
        )
    merged: dict[tuple[str, float, float | None], list[str]] = {}
    empty: list[str] = []
    for number, cells in rows:
        if split not in (ALL, belongs_to(cells)):
            continue
        where = f"{path} row {number}"
        video = str(cells.get("video") or "").strip()
        if not video:
            raise DataError(f"{where} names no video")
        start = seconds(cells.get("start"), where) or 0.0
        end = seconds(cells.get("end"), where)
        if start < 0 or (end is not None and end <= start):
            raise DataError(f"{where}: a stretch from {start:g} to {shown(end)} s is none")
        value = cells.get("caption")
        tidy = clean(value if isinstance(value, list) else ["" if value is None else value])
        if tidy:
            merged.setdefault((video, start, end), []).extend(tidy)
        else:
            empty.append(video)
    entries = [
        Entry(
            name=video if (start, end) == (0.0, None) else f"{video}[{start:g}-{shown(end)}]",
            sentences=tuple(texts),
            files=(video,),
            start=start,
            end=end,
            seconds=None if end is None else end - start,
        )
        for (video, start, end), texts in merged.items()
    ]
    return Read(entries, drop("rows", empty, "without a caption"))


def belongs_to(cells: dict[str, Any]) -> str:
    return str(cells.get("split") or "").strip()


def shown(end: float | None) -> str:
    """A time as short as it can be; nothing for the end of the video."""
    return "" if end is None else f"{end:g}"


def seconds(value: Any, where: str) -> float | None:
    """A cell as seconds; None where it is empty."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if math.isnan(number) and isinstance(value, float):
        return None  # how tables say that there is nothing
    if not math.isfinite(number):
        raise DataError(f"{where}: {value!r} is no number of seconds")
    return number


def read_rows(files: Annotations, path: Path) -> list[Row]:
    """Every row with its number, the header of a table being row 1.

    Raises:
        DataError: there is no video or no caption column, or no row.
    """
    if not path.is_file():
        raise DataError(f"{path} is not a file")
    rows = list(raw_rows(files, path))
    if not rows:
        raise DataError(f"{path} has no rows")
    named = [(number, renamed(cells)) for number, cells in rows]
    there = {what for _, cells in named for what in cells}
    for what in ("video", "caption"):
        if what not in there:
            has = ", ".join(dict.fromkeys(key for _, cells in rows for key in cells))
            raise DataError(
                f"{path} has no column {what}, but {has}",
                f"name one {' or '.join(NAMES[what][:3])}",
            )
    return named


def renamed(cells: dict[str, Any]) -> dict[str, Any]:
    """The cells that count, by the names of NAMES; of two names for one, the first that counts."""
    tidy = {key.strip().lower(): value for key, value in cells.items()}
    return {
        what: tidy[next(name for name in names if name in tidy)]
        for what, names in NAMES.items()
        if any(name in tidy for name in names)
    }


def raw_rows(files: Annotations, path: Path) -> Iterator[Row]:
    """Every row as the file has it."""
    if path.suffix.lower() == ".parquet":
        yield from parquet_rows(files, path)
        return
    text = files.text(path)
    if path.suffix.lower() == ".jsonl":
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                try:
                    cells = json.loads(line)
                except json.JSONDecodeError as error:
                    raise DataError(f"{path} line {number} is no JSON: {error.msg}") from None
                if not isinstance(cells, dict):
                    raise DataError(f"{path} line {number} is no JSON object")
                yield number, cells
        return
    header = text.split("\n", 1)[0]
    delimiter = max("\t,;", key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restval="")
    for number, row in enumerate(reader, 2):
        if None in row:
            raise DataError(
                f"{path} row {number} has more cells than the header",
                'put "quotes" around captions with commas',
            )
        yield number, dict(row)


def parquet_rows(files: Annotations, path: Path) -> Iterator[Row]:
    import pyarrow.parquet

    files.sources[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    try:
        table = pyarrow.parquet.read_table(path)
    except (OSError, ValueError) as error:  # pyarrow's errors are among them
        raise DataError(f"{path} is no Parquet file: {error}") from None
    yield from enumerate(table.to_pylist(), 1)
