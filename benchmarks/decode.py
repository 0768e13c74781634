"""Twelve exact frames of a video: ours beside torchcodec, decord, OpenCV and plain PyAV.

    python benchmarks/decode.py [--repeats 5] [--out build/bench/decode.json]

Every repeat runs all contestants one after another, so that a busy machine disturbs all alike; the
medians and their ratios to ours are what counts. Whole clips follow, as indexing takes them (one
thread, short side 224, a partner or motion vectors with each frame): exact beside anchored
sampling, with the frames that the decoder gave for them. Each answer is checked against a full
sequential decode of the file. Peers that cannot be imported are named so (`pip install
fdaclip[bench]`; torchcodec also wants the system's FFmpeg libraries). The films are generated
once: a textured scene under a moving camera, a mover, and grain, for smooth drawings would decode
unrealistically fast.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from fdaclip.video import Sampling, open_video, uniform_times

Pictures = list[NDArray[np.uint8]]
FRAMES = 12


@dataclass(frozen=True)
class Film:
    name: str
    file: str
    size: tuple[int, int]  # width, height
    seconds: int
    codec: str
    options: dict[str, str]


FILMS = (
    Film("720p H.264, 30 s", "h264.mp4", (1280, 720), 30, "libx264", {"preset": "veryfast"}),
    Film(
        "720p H.264, 30 s, keyframe every 2 s",
        "h264-2s.mp4",
        (1280, 720),
        30,
        "libx264",
        {"preset": "veryfast", "g": "60"},
    ),
    Film(
        "720p VP9, 30 s",
        "vp9.webm",
        (1280, 720),
        30,
        "libvpx-vp9",
        {"deadline": "realtime", "cpu-used": "8", "b": "2M", "row-mt": "1"},
    ),
    Film("240p H.264, 10 s", "small.mp4", (320, 240), 10, "libx264", {"preset": "veryfast"}),
)
RATE = 30


def scene(film: Film) -> Iterator[NDArray[np.uint8]]:
    """A textured plane seen by a moving camera, a textured mover, grain; uint8 [H,W,3]."""
    rng = np.random.default_rng(0)
    width, height = film.size

    def texture(w: int, h: int, blur: float) -> NDArray[np.uint8]:
        noise = rng.integers(0, 256, (h, w, 3), dtype=np.uint8)
        return np.asarray(
            cv2.normalize(cv2.GaussianBlur(noise, (0, 0), blur), None, 0, 255, cv2.NORM_MINMAX)
        ).astype(np.uint8)

    plane = texture(2 * width, 2 * height, 3)
    mover = texture(width // 4, height // 3, 2)
    grain = [rng.integers(-6, 7, (height, width, 1), dtype=np.int16) for _ in range(8)]
    for i in range(film.seconds * RATE):
        x = int(width / 2 + width / 3 * np.sin(i / 90))
        y = int(height / 2 + height / 3 * np.cos(i / 130))
        picture = plane[y : y + height, x : x + width].astype(np.int16)
        x = int(width * 3 / 4 * (0.5 + 0.5 * np.sin(i / 17)))
        y = int(height * 2 / 3 * (0.5 + 0.5 * np.cos(i / 23)))
        picture[y : y + height // 3, x : x + width // 4] = mover
        yield np.clip(picture + grain[i % 8], 0, 255).astype(np.uint8)


def film_file(film: Film, folder: Path) -> Path:
    path = folder / film.file
    if path.exists():
        return path
    print(f"filming {film.name}", flush=True)
    partial = path.with_stem(path.stem + "-partial")
    with av.open(str(partial), "w") as container:
        stream = container.add_stream(film.codec, rate=RATE, options=film.options)
        stream.width, stream.height = film.size
        stream.pix_fmt = "yuv420p"
        for i, picture in enumerate(scene(film)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    partial.rename(path)
    return path


# -- contestants: (path, times) → RGB pictures ---------------------------------------------------


def ours(path: Path, times: NDArray[np.float64]) -> Pictures:
    with open_video(path) as video:
        return list(video.frames_at(times).rgb)


def ours_224(path: Path, times: NDArray[np.float64]) -> Pictures:
    with open_video(path) as video:
        return list(video.frames_at(times, short_side=224).rgb)


def ours_partners_224(path: Path, times: NDArray[np.float64]) -> Pictures:
    with open_video(path) as video:
        return list(video.clip(len(times), short_side=224).rgb)


def sequential(path: Path, times: NDArray[np.float64]) -> Pictures:
    """PyAV as its manual shows it: decode everything until the last wanted frame."""
    pictures: Pictures = []
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        before = None
        for frame in container.decode(video=0):
            while len(pictures) < len(times) and frame.time > times[len(pictures)] + 1e-9:
                pictures.append((before or frame).to_ndarray(format="rgb24"))
            if len(pictures) == len(times):
                break
            before = frame
        while before is not None and len(pictures) < len(times):
            pictures.append(before.to_ndarray(format="rgb24"))
    return pictures


def opencv(path: Path, times: NDArray[np.float64]) -> Pictures:
    """One seek a frame, as CLIP4Clip's loader does."""
    capture = cv2.VideoCapture(str(path))
    rate = capture.get(cv2.CAP_PROP_FPS)
    pictures: Pictures = []
    for t in times:
        capture.set(cv2.CAP_PROP_POS_FRAMES, int(t * rate + 1e-6))
        sound, picture = capture.read()
        if sound:
            pictures.append(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
    capture.release()
    return pictures


def torchcodec(path: Path, times: NDArray[np.float64]) -> Pictures:
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(
        str(path), dimension_order="NHWC", num_ffmpeg_threads=os.cpu_count() or 1
    )
    # Like ours it takes t as reaching a frame that begins a rounding error later.
    return list(decoder.get_frames_played_at(list(times + 1e-9)).data.numpy())


def decord(path: Path, times: NDArray[np.float64]) -> Pictures:
    import decord as module

    reader = module.VideoReader(str(path), num_threads=os.cpu_count() or 1)
    indices = [int(t * reader.get_avg_fps() + 1e-6) for t in times]
    return list(reader.get_batch(indices).asnumpy())


CONTESTANTS: dict[str, Callable[[Path, NDArray[np.float64]], Pictures]] = {
    "fdaclip": ours,
    "fdaclip, short side 224": ours_224,
    "fdaclip, short side 224, each with its partner": ours_partners_224,
    "torchcodec": torchcodec,
    "decord2": decord,
    "OpenCV, one seek a frame": opencv,
    "PyAV, sequential": sequential,
}
# Clips: sampling, and whether with motion vectors instead of partners. The first is the measure.
CLIPS = {
    "exact, with partners": (Sampling(FRAMES), False),
    "anchored, with partners": (Sampling(FRAMES, anchored=True), False),
    "exact, with vectors": (Sampling(FRAMES), True),
    "anchored, with vectors": (Sampling(FRAMES, anchored=True), True),
}
PEERS = ("torchcodec", "decord2", "OpenCV, one seek a frame", "PyAV, sequential")


def right(path: Path, times: NDArray[np.float64], answers: dict[str, Pictures]) -> dict[str, int]:
    """How many pictures of each answer look most like the frame that is shown at its time."""

    def small(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        return cv2.resize(picture, (96, 54), interpolation=cv2.INTER_AREA).astype(np.float32)

    shown, begun = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            shown.append(small(frame.to_ndarray(format="rgb24")))
            begun.append(frame.time)
    truth = np.maximum(np.searchsorted(begun, times + 1e-9, side="right") - 1, 0)
    counts = {}
    for name, pictures in answers.items():
        counts[name] = 0
        for picture, index in zip(pictures, truth, strict=False):
            near = range(max(0, index - 5), min(len(shown), index + 6))
            distance = [float(np.abs(shown[i] - small(picture)).mean()) for i in near]
            counts[name] += int(near[int(np.argmin(distance))] == index)
    return counts


def measure(film: Film, path: Path, repeats: int) -> dict[str, Any]:
    times = uniform_times(FRAMES, 0, film.seconds)
    spent: dict[str, list[float]] = {}
    answers: dict[str, Pictures] = {}
    failed: dict[str, str] = {}
    clips: dict[str, list[float]] = {}
    decoded: dict[str, int] = {}
    for repeat in range(repeats + 1):  # the first warms up
        for name, contestant in CONTESTANTS.items():
            if name in failed:
                continue
            began = time.perf_counter()
            try:
                answers[name] = contestant(path, times)
            except Exception as error:  # a peer that cannot do it is a result
                failed[name] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
                continue
            if repeat:
                spent.setdefault(name, []).append(time.perf_counter() - began)
        for name, (sampling, vectors) in CLIPS.items():
            began = time.perf_counter()
            with open_video(path, threads=1) as video:
                video.clip(sampling=sampling, short_side=224, vectors=vectors)
                decoded[name] = video.decoded
            if repeat:
                clips.setdefault(name, []).append(time.perf_counter() - began)
    exact = right(path, times, answers)
    ms = {name: round(1000 * statistics.median(values), 1) for name, values in spent.items()}
    peers = {name: ms[name] for name in PEERS if name in ms}
    # Ratios pair what ran in the same repeat, so that they hold on a busy machine.
    ratio = {
        name: round(
            statistics.median(a / b for a, b in zip(values, spent["fdaclip"], strict=True)), 3
        )
        for name, values in spent.items()
    }
    exactly = clips[next(iter(CLIPS))]
    best = min(peers, key=lambda name: ratio[name])
    return {
        "film": film.name,
        "median_ms": ms,
        "times_ours": ratio,
        "exact_of_12": exact,
        "clips": {
            name: {
                "median_ms": round(1000 * statistics.median(values), 1),
                "times_exact": round(
                    statistics.median(a / b for a, b in zip(values, exactly, strict=True)), 3
                ),
                "decoded": decoded[name],
            }
            for name, values in clips.items()
        },
        "failed": failed,
        "best_peer": best,
        "best_peer_times_ours": ratio[best],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("build/bench/decode.json"))
    parser.add_argument("--films", type=int, default=len(FILMS), help="only the first of them")
    arguments = parser.parse_args()
    folder = arguments.out.parent / "films"
    folder.mkdir(parents=True, exist_ok=True)
    results = []
    for film in FILMS[: arguments.films]:
        result = measure(film, film_file(film, folder), arguments.repeats)
        results.append(result)
        print(f"\n{film.name}")
        for name, ms in result["median_ms"].items():
            print(
                f"  {name:48}{ms:8.0f} ms  {result['times_ours'][name]:6.2f} x ours"
                f"  {result['exact_of_12'][name]:2} of {FRAMES} exact"
            )
        for name, clip in result["clips"].items():
            print(
                f"  clip, {name:42}{clip['median_ms']:8.0f} ms  {clip['times_exact']:6.2f} x exact"
                f"  {clip['decoded']:3} frames decoded"
            )
        for name, reason in result["failed"].items():
            print(f"  {name:48}  not run: {reason}")
    versions = {}
    for package in ("av", "torchcodec", "decord2", "opencv-python-headless"):
        try:
            versions[package] = version(package)
        except ImportError:
            versions[package] = None
    document = {
        "results": results,
        "repeats": arguments.repeats,
        "processors": os.cpu_count(),
        "machine": platform.machine(),
        "versions": versions,
    }
    arguments.out.write_text(json.dumps(document, indent=2) + "\n")
    print(f"\nwrote {arguments.out}")


if __name__ == "__main__":
    main()
