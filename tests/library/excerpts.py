"""Short excerpts of films, in every container and coding that is written here.

An excerpt has `FRAMES` frames of `WIDTH`×`HEIGHT`, a few kilobytes: what breaks a reader lies in
headers and at the edges of packets, and small files hold more of that to the byte. Beside them lies
the beginning of each film as it is, copied packet by packet.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path

os.environ.setdefault("SVT_LOG", "0")  # the encoder of AV1 talks to the terminal otherwise

import av
import numpy as np
from av.video.frame import VideoFrame

FRAMES = 16
WIDTH, HEIGHT = 96, 64
COPIED = 12  # packets
SMALL = 200_000  # bytes: a copied beginning is no longer


@dataclass(frozen=True)
class Form:
    """A container with a coding."""

    suffix: str
    codec: str
    container: str = ""
    pixels: str = "yuv420p"
    size: tuple[int, int] = (WIDTH, HEIGHT)
    options: dict[str, str] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)  # options of the container
    sound: str = ""
    frames: int = FRAMES

    @property
    def name(self) -> str:
        fragmented = "-fragments" if "movflags" in self.written else ""
        return f"{self.codec}{fragmented}{self.suffix}"


X264 = {"g": "6", "bf": "2", "preset": "ultrafast"}
X265 = {"preset": "ultrafast", "x265-params": "keyint=6:log-level=none"}
VPX = {"g": "6", "deadline": "realtime", "cpu-used": "8"}
AV1 = {"g": "6", "preset": "12"}
PLAIN = {"g": "6"}
FORMS = (
    Form(".mp4", "libx264", options=X264, sound="aac"),
    Form(".mp4", "libx264", options=X264, written={"movflags": "frag_keyframe+empty_moov"}),
    Form(".mov", "libx264", options=X264),
    Form(".mkv", "libx264", options=X264, sound="aac"),
    Form(".avi", "libx264", options=X264),
    Form(".ts", "libx264", options=X264, sound="mp2"),
    Form(".m2ts", "libx264", "mpegts", options=X264),
    Form(".flv", "libx264", options=X264),
    Form(".h264", "libx264", options=X264),
    Form(".mp4", "libx265", options=X265),
    Form(".mkv", "libx265", pixels="yuv420p10le", options=X265),
    Form(".hevc", "libx265", options=X265),
    Form(".webm", "libvpx", options=VPX),
    Form(".webm", "libvpx-vp9", options=VPX),
    Form(".mp4", "libvpx-vp9", options=VPX),
    Form(".mkv", "libsvtav1", options=AV1),
    Form(".mp4", "libsvtav1", options=AV1),
    Form(".mp4", "mpeg4", options=PLAIN | {"bf": "2"}),
    Form(".avi", "mpeg4", options=PLAIN | {"bf": "2"}, sound="mp2"),
    Form(".3gp", "h263", size=(128, 96), options=PLAIN),
    Form(".mpg", "mpeg2video", options=PLAIN | {"bf": "2"}, sound="mp2"),
    Form(".vob", "mpeg2video", options=PLAIN),
    Form(".mxf", "mpeg2video", options=PLAIN, pixels="yuv422p"),
    Form(".m2v", "mpeg2video", options=PLAIN),
    Form(".mpg", "mpeg1video", options=PLAIN),
    Form(".wmv", "wmv2", "asf", options=PLAIN),
    Form(".asf", "wmv1", "asf", options=PLAIN),
    Form(".avi", "msmpeg4", options=PLAIN),
    Form(".flv", "flv", options=PLAIN),
    Form(".rm", "rv20", options=PLAIN),
    Form(".avi", "mjpeg", pixels="yuvj420p"),
    Form(".mov", "prores_ks", pixels="yuv422p10le"),
    Form(".mov", "qtrle", pixels="rgb24", frames=4),
    Form(".mov", "png", pixels="rgb24", frames=4),
    Form(".mov", "svq1", pixels="yuv410p"),
    Form(".mkv", "ffv1"),
    Form(".avi", "huffyuv", pixels="yuv422p"),
    Form(".avi", "utvideo"),
    Form(".avi", "cinepak", pixels="rgb24"),
    Form(".avi", "msvideo1", pixels="rgb555le"),
    Form(".mkv", "snow"),
    Form(".mkv", "jpeg2000"),
    Form(".ogv", "vp8", "ogg", options=VPX),
    Form(".dv", "dvvideo", pixels="yuv420p", size=(720, 576), frames=2),
    Form(".gif", "gif", pixels="rgb8"),
    Form(".y4m", "wrapped_avframe", "yuv4mpegpipe"),
    Form(".flv", "flashsv", pixels="bgr24", frames=4),
)


def excerpts(films: Sequence[Path], folder: Path, forms: Sequence[Form] = FORMS) -> list[Path]:
    """Each form of two of the films in turn, and the beginning of each film; in a fixed order.

    What is there already is not made again. A form that this build cannot write is left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for film in films:
        path = folder / f"copied-{film.stem}{film.suffix}"
        if path.exists() or _copied(film, path):
            made.append(path)
    for number in range(2 * len(forms)):
        form, film = forms[number % len(forms)], films[number % len(films)]
        path = folder / f"{film.stem}-{form.name}"
        if path in made:
            continue
        if path.exists() or _coded(film, path, form):
            made.append(path)
    return made


def _copied(film: Path, path: Path) -> bool:
    """The first packets of the film's picture, as they are."""
    try:
        with av.open(film) as source, av.open(path, "w") as target:
            stream = source.streams.best("video")
            assert stream is not None
            copy = target.add_stream_from_template(stream)
            size = 0
            for packet in islice(source.demux(stream), COPIED):
                if packet.dts is None or (size := size + packet.size) > SMALL:
                    break
                packet.stream = copy
                target.mux(packet)
    except (av.FFmpegError, ValueError):
        path.unlink(missing_ok=True)
        return False
    return path.exists()


def _coded(film: Path, path: Path, form: Form) -> bool:
    rate = 25 if form.size[0] > 256 or form.codec.startswith("mpeg") else 10
    try:
        with av.open(path, "w", format=form.container or None, options=form.written) as target:
            stream = target.add_stream(form.codec, rate=rate, options=form.options)
            stream.width, stream.height = form.size
            stream.pix_fmt = form.pixels
            sound = target.add_stream(form.sound, rate=44100) if form.sound else None
            stream.codec_context.open()
            for number, frame in enumerate(_frames(film, form.frames)):
                picture = frame.reformat(*form.size, format=form.pixels)
                picture.pts, picture.time_base = number, Fraction(1, rate)
                picture.pict_type = 0
                target.mux(stream.encode(picture))
                if sound is not None and number < 4:
                    target.mux(sound.encode(_silence(number, sound.format.name)))
            target.mux(stream.encode())
            if sound is not None:
                target.mux(sound.encode())
    except (av.FFmpegError, ValueError, OSError):
        path.unlink(missing_ok=True)
        return False
    return path.stat().st_size > 0


def _frames(film: Path, count: int) -> Iterator[VideoFrame]:
    with av.open(film) as source:
        yield from islice(source.decode(video=0), count)


def _silence(number: int, form: str) -> av.AudioFrame:
    kind = np.float32 if form.startswith("flt") else np.int16
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 1152), kind), format=form, layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 44100, 1152 * number, Fraction(1, 44100)
    return frame
