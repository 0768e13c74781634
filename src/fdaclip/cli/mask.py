"""``fdaclip mask``: what moves in a video, as an overlay video and a picture strip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output import (
    OK,
    SOME_BAD,
    clock,
    is_terminal,
    json_option,
    partner_option,
    print_json,
    printable,
    say,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fdaclip.motion import Motion, MotionConfig
    from fdaclip.video import Clip, Video

    Timed = tuple[float, NDArray[np.uint8]]

LARGEST = 720  # px, short side of the overlay video
STRIP_SIDE = 224  # px, short side of the frames in the strip: what an encoder would look at
UNKNOWN_RATE = 25.0  # frames a second of the overlay, where the video does not say


@click.command(short_help="Write what moves in a video as an overlay video and a picture strip.")
@click.argument("video", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    help="Folder for NAME.mask.mp4 and NAME.mask.png.  [default: this folder]",
)
@click.option(
    "--frames",
    type=click.IntRange(1, 64),
    default=12,
    show_default=True,
    help="Frames in the strip.",
)
@partner_option
@click.option("--camera/--no-camera", default=True, help="Take the camera's own motion out.")
@click.option("--soft/--binary", default=True, help="Soft outlines, or 0 and 1 only.")
@json_option
def command(
    video: Path,
    folder: Path,
    frames: int,
    partner: float,
    camera: bool,
    soft: bool,
    as_json: bool,
) -> int:
    """Show what moves in VIDEO.

    NAME.mask.mp4 is the video, grey and dim where nothing moves; NAME.mask.png shows some of its
    frames, their differences and their masks. Frames that are still or at a cut have no mask: they
    stay as they are.
    """
    from fdaclip.motion import MotionConfig, analyse_motion, strip
    from fdaclip.video import open_video

    config = MotionConfig(camera=camera, soft=soft)
    with open_video(video) as opened:
        shorter = min(opened.probe.width, opened.probe.height)
        clip = opened.clip(frames, partner=partner, short_side=min(shorter, STRIP_SIDE))
        motion = analyse_motion(clip, config)
        folder.mkdir(parents=True, exist_ok=True)
        sheet, film = folder / f"{video.stem}.mask.png", folder / f"{video.stem}.mask.mp4"
        strip(clip, motion).save(sheet)
        write_overlay(opened, film, partner, config)
    if as_json:
        print_json({"video": video, "overlay": film, "strip": sheet, "frames": rows(clip, motion)})
    else:
        for row in rows(clip, motion):
            click.echo(
                f"{clock(float(row['time'])):>8}  {row['kind']:<6}  {row['share']:5.1%} moves"
                + ("  camera compensated" if row["compensated"] else "")
            )
        say(f"wrote {printable(film)} and {printable(sheet)}")
    if clip.lost:
        say(f"{len(clip.lost)} of {frames} frames could not be decoded")
        return SOME_BAD
    return OK


def rows(clip: Clip, motion: Motion) -> list[dict[str, float | str | bool]]:
    """One row a frame of the strip: time (s), kind, moving share, energy, compensated."""
    return [
        {
            "time": round(float(clip.times[t]), 4),
            "kind": motion.kind[t],
            "share": round(float(motion.share[t]), 4),
            "energy": round(float(motion.energy[t]), 6),
            "compensated": bool(motion.compensated[t]),
        }
        for t in range(len(motion.kind))
    ]


def write_overlay(video: Video, path: Path, partner: float, config: MotionConfig) -> None:
    """Every frame under its mask, at the video's own pace."""
    from fdaclip.motion import analyse_motion, dense_pairs, overlay
    from fdaclip.video import write_video

    probe = video.probe
    shorter = min(probe.width, probe.height, LARGEST)
    rate = min(probe.rate or UNKNOWN_RATE, 60.0)

    def masked() -> Iterator[Timed]:
        for pair in dense_pairs(video.iter_frames(short_side=shorter), partner):
            yield pair.time, overlay(pair.rgb[0], analyse_motion(pair, config).masks[0])

    with counted(masked(), probe.frames) as pictures:
        write_video(path, paced(pictures, rate), Fraction(rate).limit_denominator(1001))


def paced(frames: Iterable[Timed], rate: float) -> Iterator[NDArray[np.uint8]]:
    """Frames of any times as frames at a constant rate: each is shown until the next is due."""
    shown, ticks = None, 0
    for time, picture in frames:
        while shown is not None and ticks / rate < time - 0.5 / rate:
            yield shown
            ticks += 1
        shown = picture
    if shown is not None:
        yield shown


@contextmanager
def counted(frames: Iterator[Timed], total: int | None) -> Iterator[Iterable[Timed]]:
    """The same frames, with a bar on stderr where a person watches."""
    if not is_terminal():
        yield frames
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed}/{task.total} frames"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield bar.track(frames, total=total, description="masking")
