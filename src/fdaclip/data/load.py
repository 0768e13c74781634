"""From a name and a folder to a dataset: read, hold to the published counts, find the videos."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fdaclip.data import own
from fdaclip.data.annotations import SHOWN, Annotations, Entry, Read, drop
from fdaclip.data.benchmarks import DATASETS, HELD_OUT_SPLITS, Benchmark
from fdaclip.data.errors import DataError
from fdaclip.data.manifest import UNUSABLE, Checked, Manifest, open_manifest
from fdaclip.data.records import Dataset, Dropped, Record
from fdaclip.data.tree import Tree

HELD_OUT = 500  # videos of train that `held_out` has at most, and at most a twentieth of them

Folder = str | os.PathLike[str]


def load_dataset(
    name: str,
    root: Folder,
    split: str,
    *,
    protocol: str | None = None,
    allow_missing: bool = False,
    need_videos: bool = True,
    need_captions: bool = True,
    videos: Folder | None = None,
) -> Dataset:
    """One split of a benchmark, or of a file of one's own.

    Args:
        name: one of `DATASETS`, or the path of a .csv, .tsv, .jsonl or .parquet file
            (`fdaclip.data.own` describes it).
        root: the folder with the annotation files and the videos, both at any depth.
        split: "train", "val", "test" as the protocol has them. Where it has no validation split of
            its own, train can be had in two parts: "fit", and "held_out" with 500 videos (at most a
            twentieth) chosen by their names alone. A file without a split column is the split
            "all".
        protocol: None takes the benchmark's first; see docs/data.md.
        allow_missing: leave out videos that are not on disk (or that `fdaclip data check` found to
            be of no use) and sentences that the files lack, and say so in the result, instead of
            raising.
        need_videos: False leaves the paths unsought: `Record.path` is then where a file would be.
        need_captions: False gives records without captions where the file with the sentences is
            not there.
        videos: another folder in which the videos lie.

    Raises:
        DataError: a file is not there or at fault, the counts are not the published ones, or videos
            are missing. It says which, where they were sought, and what to do.
    """
    found = plan(name, root, split, protocol, allow_missing=allow_missing, videos=videos)
    if found.lacking and need_captions:
        raise found.lacking
    entries, dropped = found.entries, found.dropped
    missing: tuple[str, ...] = ()
    paths = [found.place.root / entry.files[0] for entry in entries]
    if need_videos:
        manifest = open_manifest(found.place.root)
        sought = [seek(found.place, manifest, entry) for entry in entries]
        kept = [(e, p) for e, p in zip(entries, sought, strict=True) if p is not None]
        if len(kept) < len(entries):
            lost = [e for e, path in zip(entries, sought, strict=True) if path is None]
            unusable = {e.name for e in lost if found.place.videos(e.files)}
            missing = tuple(e.name for e in lost)
            explain_missing(found, missing, unusable, allow_missing)
            dropped = dropped + note_missing(missing, unusable)
        entries, paths = [e for e, _ in kept], [p for _, p in kept]
    return Dataset(
        name=found.name,
        split=found.split,
        protocol=found.protocol,
        records=tuple(
            Record(e.name, path, e.captions, e.start, e.end)
            for e, path in zip(entries, paths, strict=True)
        ),
        sentences=sum(len(e.sentences) for e in entries),
        seconds=tuple(e.seconds for e in entries),
        dropped=tuple(dropped),
        missing=missing,
        sources=found.sources,
    )


@dataclass(frozen=True)
class Plan:
    """A split as the annotation files have it; no video has been looked for yet.

    Attributes:
        name, split, protocol, dropped, sources: as `Dataset`'s.
        entries: the videos, in the order of the files.
        lacking: the error to raise where captions are needed and their file is not there.
        place: where the videos are to be found.
    """

    name: str
    split: str
    protocol: str
    entries: list[Entry]
    dropped: list[Dropped]
    sources: dict[str, str]
    lacking: DataError | None
    place: Tree


def plan(
    name: str,
    root: Folder,
    split: str,
    protocol: str | None = None,
    *,
    allow_missing: bool = False,
    videos: Folder | None = None,
) -> Plan:
    """Read the annotation files; arguments and errors as `load_dataset`'s."""
    tree = Tree(Path(root).expanduser())
    if own.is_own(name):
        files = Annotations(tree, ())
        read, protocol = read_own(files, Path(name).expanduser(), split), "own"
        name = Path(name).name
    else:
        benchmark = benchmark_of(name)
        name = benchmark.name
        files = Annotations(tree, benchmark.folders)
        protocol = benchmark.protocol(protocol)
        split = benchmark.split(protocol, split)
        read = read_benchmark(files, benchmark, protocol, split, allow_missing)
    return Plan(
        name=name,
        split=split,
        protocol=protocol,
        entries=read.entries,
        dropped=read.dropped,
        sources=dict(files.sources),
        lacking=read.lacking,
        place=Tree(Path(videos).expanduser()) if videos else tree,
    )


def benchmark_of(name: str) -> Benchmark:
    """The benchmark of that name, hyphens and capitals aside.

    Raises:
        DataError: there is none.
    """
    plain = name.lower().replace("-", "").replace("_", "")
    for benchmark in DATASETS.values():
        if plain in (benchmark.name, *benchmark.folders):
            return benchmark
    raise DataError(
        f"there is no data set {name!r}",
        f"one of {', '.join(DATASETS)}, or the path of a file ({', '.join(own.SUFFIXES)})",
    )


def selection_splits(name: str, protocol: str | None = None) -> tuple[str, str]:
    """(training split, validation split) with which an epoch is chosen without seeing the test.

    ("train", "val") where the protocol, or a file of one's own, has a validation split that it does
    not test on, else ("fit", "held_out").

    Raises:
        DataError: there is no such data set or protocol.
    """
    if own.is_own(name):
        has = "val" in own_splits(name)
    else:
        benchmark = benchmark_of(name)
        has = "val" in benchmark.protocols[benchmark.protocol(protocol)]
    return ("train", "val") if has else ("fit", "held_out")


def tested_split(name: str) -> str:
    """The split that is evaluated where none is named: "test", or all of a file without splits."""
    return own.ALL if own.is_own(name) and own_splits(name) == [own.ALL] else "test"


def own_splits(name: str) -> list[str]:
    """The splits of a file of one's own, as it names them."""
    path = Path(name).expanduser()
    return own.splits(Annotations(Tree(path.parent), ()), path)


def read_own(files: Annotations, path: Path, split: str) -> Read:
    """A split of a file of one's own, or a part of its train (or of all of it)."""
    there = own.splits(files, path)
    if split in there or split not in HELD_OUT_SPLITS:
        return own.read(files, path, split)
    return part(own.read(files, path, own.ALL if there == [own.ALL] else "train"), split)


def read_benchmark(
    files: Annotations, benchmark: Benchmark, protocol: str, split: str, allow_missing: bool
) -> Read:
    """What the files have, held to the published counts."""
    whole = "train" if split in HELD_OUT_SPLITS else split
    read = benchmark.read(files, protocol, whole)
    short = too_few(read, benchmark, protocol, whole)
    if short and not allow_missing:
        told = "; ".join(map(str, read.dropped))
        raise DataError(
            f"{benchmark.name} {whole} ({protocol}) has "
            + " and ".join(f"{d.count:,} {d.what} too few" for d in short)
            + f" in {', '.join(files.sources)}"
            + (f": {told}" if told else ""),
            "get the whole files, or --allow-missing",
        )
    read.dropped += short
    return part(read, split) if split != whole else read


def too_few(read: Read, benchmark: Benchmark, protocol: str, split: str) -> list[Dropped]:
    """What is published and not in the files.

    Raises:
        DataError: more is in the files than is published: they are of something else.
    """
    counts = benchmark.published.get((protocol, split))
    if counts is None:
        return []
    queries = None if read.lacking else sum(len(entry.captions) for entry in read.entries)
    short = []
    for what, have, want in (
        ("videos", len(read.entries), counts.videos),
        ("queries", queries, counts.queries),
    ):
        if have is None or want is None:
            continue
        if have > want:
            raise DataError(
                f"{benchmark.name} {split} ({protocol}) has {have:,} {what} in these files; "
                f"{want:,} are published",
                "is it another version, or another protocol?",
            )
        if have < want:
            short.append(Dropped(what, want - have, "published, but not in these files"))
    return short


def part(read: Read, split: str) -> Read:
    """ "held_out" or the rest ("fit") of what was read, by the videos' names alone."""
    videos = sorted({entry.files[0] for entry in read.entries}, key=shuffled)
    count = min(HELD_OUT, max(1, len(videos) // 20))
    held = set(videos[:count])
    wanted = split == "held_out"
    return replace(read, entries=[e for e in read.entries if (e.files[0] in held) == wanted])


def shuffled(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def seek(place: Tree, manifest: Manifest, entry: Entry) -> Path | None:
    """The best file of an entry that is not known to be of no use; None where there is none."""
    return next((p for p in place.videos(entry.files) if usable(manifest.of(p), entry)), None)


def usable(known: Checked | None, entry: Entry) -> bool:
    """Is a file of use for an entry, as far as is known?"""
    return known is None or (known.state not in UNUSABLE and known.seconds > entry.start)


def explain_missing(
    found: Plan, missing: Sequence[str], unusable: Collection[str], allowed: bool
) -> None:
    """Raises DataError unless it is allowed and something is left."""
    absent = [name for name in missing if name not in unusable]
    of = f"of {len(found.entries):,} videos of {found.name} {found.split} are"
    told = []
    if absent:
        told.append(f"{len(absent):,} {of} not in {found.place.root} or below ({some(absent)})")
    if unusable:
        told.append(f"{len(unusable):,} {of} damaged or too short ({some(sorted(unusable))})")
    if len(missing) == len(found.entries):
        hint = "give the folder in which the videos lie as --root, or as --videos"
    elif allowed:
        return
    else:
        hint = "--allow-missing goes on without them, and says so in the result"
    raise DataError("; ".join(told), hint)


def note_missing(missing: Sequence[str], unusable: Collection[str]) -> list[Dropped]:
    absent = [name for name in missing if name not in unusable]
    return drop("videos", absent, "not on disk") + drop(
        "videos", sorted(unusable), "damaged or too short"
    )


def some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
