"""Small films in many containers and codings, and what a full sequential decode makes of them."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from fdaclip.video.pixels import ToRGB


@dataclass(frozen=True)
class Film:
    """How to make a film; every picture differs from every other."""

    name: str
    codec: str
    options: dict[str, str] = field(default_factory=dict)
    pixels: str = "yuv420p"
    size: tuple[int, int] = (64, 48)
    count: int = 50
    rate: Fraction = Fraction(30)
    stamps: tuple[int, ...] | None = None  # in 1/600 s, instead of an even rate
    rotation: int | None = None
    flipped: bool = False
    container: dict[str, str] = field(default_factory=dict)
    sound: bool = False


B = {"g": "12", "bf": "3", "b-pyramid": "normal", "preset": "fast"}
UNEVEN = tuple(int(x) for x in np.cumsum(np.random.default_rng(3).integers(5, 120, 50)))

FILMS = [
    Film("plain.mp4", "libx264", {"g": "12", "bf": "0"}),
    Film("b-frames.mp4", "libx264", B),
    Film("open-gop.mp4", "libx264", B | {"x264-params": "open-gop=1"}),
    Film("intra-refresh.mp4", "libx264", {"g": "12", "x264-params": "intra-refresh=1"}),
    Film("one-keyframe.mp4", "libx264", B | {"g": "1000"}),
    Film("all-key.mp4", "libx264", {"g": "1"}),
    Film("no-edit-list.mp4", "libx264", B, container={"use_editlist": "0"}),
    Film("sound.mp4", "libx264", B, sound=True),
    Film("late.mp4", "libx264", B, stamps=tuple(400 + 20 * i for i in range(50))),
    Film("negative.mp4", "libx264", B, stamps=tuple(20 * i - 200 for i in range(50))),
    Film("negative.mkv", "libx264", B, stamps=tuple(20 * i - 200 for i in range(50))),
    Film("fragments.mp4", "libx264", B, container={"movflags": "frag_keyframe+empty_moov"}),
    Film("uneven.mp4", "libx264", B, stamps=UNEVEN),
    Film("uneven.mkv", "libx264", B, stamps=UNEVEN),
    Film("slow.mp4", "libx264", B, rate=Fraction(2), count=20),
    Film("ntsc.mp4", "libx264", B, rate=Fraction(30000, 1001)),
    Film("b-frames.mkv", "libx264", B),
    Film("b-frames.mov", "libx264", B),
    Film("b-frames.ts", "libx264", B),
    Film("b-frames.avi", "libx264", B),
    Film("b-frames.flv", "libx264", B),
    Film("stream.h264", "libx264", B),
    Film("turned.mov", "libx264", B, rotation=90),
    Film("turned.mp4", "libx264", B, rotation=180),
    Film("turned.mkv", "libx264", B, rotation=-90),
    Film("mirrored.mp4", "libx264", B, rotation=90, flipped=True),
    Film("odd.mp4", "libx264", B, "yuv444p", (51, 37)),
    Film("deep.mp4", "libx264", B, "yuv420p10le"),
    Film("full-chroma.mp4", "libx264", B, "yuv444p"),
    Film("gray.mp4", "libx264", B, "gray"),
    Film("single.mp4", "libx264", B, count=1),
    Film("two.mp4", "libx264", B, count=2),
    Film("hevc.mp4", "libx265", {"g": "12", "x265-params": "bframes=3:open-gop=1:log-level=none"}),
    Film("hevc.mkv", "libx265", {"x265-params": "keyint=12:open-gop=0:log-level=none"}),
    Film("hevc-deep.mp4", "libx265", {"x265-params": "keyint=12:log-level=none"}, "yuv420p10le"),
    Film("mpeg4.avi", "mpeg4", {"g": "12", "bf": "2"}),
    Film("mpeg4.mp4", "mpeg4", {"g": "12", "bf": "2"}),
    Film("mpeg2.ts", "mpeg2video", {"g": "12", "bf": "2"}),
    Film("vp9.webm", "libvpx-vp9", {"g": "12", "lag-in-frames": "8", "auto-alt-ref": "1"}),
    Film("vp9-uneven.webm", "libvpx-vp9", {"g": "12", "deadline": "realtime"}, stamps=UNEVEN),
    Film("vp9.mp4", "libvpx-vp9", {"g": "12", "deadline": "realtime"}),
    Film("av1.mp4", "libsvtav1", {"g": "16", "preset": "12"}, size=(96, 64)),
    Film("av1.mkv", "libsvtav1", {"g": "16", "preset": "12"}, size=(96, 64)),
    Film("palette.gif", "gif", pixels="rgb8", rate=Fraction(10), count=25),
    Film("single.gif", "gif", pixels="rgb8", rate=Fraction(10), count=1),
    Film("mjpeg.avi", "mjpeg", pixels="yuvj420p"),
    Film("lossless.mkv", "ffv1", pixels="bgr0"),
]


def picture(index: int, width: int, height: int) -> NDArray[np.uint8]:
    """A picture that tells its index by brightness and by a moving bar, uint8 [H,W,3]."""
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)], -1)
    rgb = (rgb * 3 // 4 + index * 5 % 64).astype(np.uint8)
    left = index * 3 % max(1, width - 6)
    rgb[:, left : left + 6] = 255 - rgb[:, left : left + 6]
    return rgb


def make(film: Film, folder: Path) -> Path:
    path = folder / film.name
    width, height = film.size
    with av.open(str(path), "w", options=film.container) as container:
        stream = container.add_stream(film.codec, rate=film.rate, options=film.options)
        stream.width, stream.height, stream.pix_fmt = width, height, film.pixels
        unit = 1 / film.rate
        if film.stamps:
            unit = Fraction(1, 600)
            stream.codec_context.time_base = unit
        if film.rotation is not None:
            stream.set_display_rotation(film.rotation, hflip=film.flipped)
        if film.sound:
            sound = container.add_stream("aac", rate=8000)
            for k in range(30):
                samples = np.zeros((1, 1024), np.float32)
                heard = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
                heard.sample_rate, heard.pts = 8000, 1024 * k
                container.mux(sound.encode(heard))
            container.mux(sound.encode())
        for index in range(film.count):
            frame = av.VideoFrame.from_ndarray(picture(index, width, height), format="rgb24")
            frame.pts = film.stamps[index] if film.stamps else index
            frame.time_base = unit
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@dataclass(frozen=True)
class Truth:
    """A full sequential decode.

    Attributes:
        times: float64 [F], seconds from the first frame.
        tick: seconds of the container's time base.
        rgb: uint8 [F,H,W,3].
    """

    times: NDArray[np.float64]
    tick: float
    rgb: NDArray[np.uint8]

    def at(self, t: float) -> int:
        """Index of the frame shown at t."""
        return max(0, int(np.searchsorted(self.times, t + 1e-9, side="right")) - 1)

    def partner(self, index: int, delay: float) -> int:
        """Index of the partner of a frame."""
        last = len(self.times) - 1
        if index < last:
            return max(index + 1, self.at(self.times[index] + delay + 1e-3))
        return min(max(index - 1, 0), self.at(self.times[index] - delay + 1e-3))


def full_decode(path: Path, every: int = 1) -> Truth:
    stamps, pictures = [], []
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        assert stream is not None and stream.time_base is not None
        convert = None
        for number, frame in enumerate(container.decode(stream)):
            stamp = frame.pts
            if stamp is None:  # a bare stream has no clock
                stamp = number * frame.duration
            stamps.append(stamp)
            if convert is None:
                turned = frame.rotation % 180 != 0
                size = (frame.width, frame.height)
                convert = ToRGB(*(size[::-1] if turned else size))
            if number % every == 0:
                pictures.append(convert(frame))
        if path.name == "b-frames.avi":
            stamps.sort()  # AVI has no presentation times: FFmpeg numbers frames as they are stored
        times = (np.array(stamps) - stamps[0]) * float(stream.time_base)
        return Truth(times, float(stream.time_base), np.stack(pictures))


@pytest.fixture(scope="session")
def film_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")
