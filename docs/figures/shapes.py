"""Draw docs/figures/shapes.png: the four clips of one scene, and what tells them apart."""

from pathlib import Path

import numpy as np
from PIL import Image

from fdaclip.data.shapes import ClipSpec, frames, motion_mask, plan
from fdaclip.data.shapes.scene import RATE

SAMPLED = round(0.5 * RATE)
PARTNER = SAMPLED + 2
SCALE, GAP = 2, 6


def row(spec: ClipSpec) -> np.ndarray:
    """The sampled frame, its partner, and the truth for their mask, side by side."""
    film = list(frames(spec))
    truth = motion_mask(spec, SAMPLED / RATE, PARTNER / RATE)
    mask = np.repeat(truth[..., None] * np.uint8(255), 3, axis=2)
    gap = np.full((len(mask), GAP // SCALE, 3), 255, np.uint8)
    return np.concatenate([film[SAMPLED], gap, film[PARTNER], gap, mask], axis=1)


def main() -> None:
    scene = next(
        specs
        for specs in zip(*[iter(plan({"test": 38})["test"])] * 4, strict=True)
        if specs[0].scene.camera.kind == "still"
    )
    rows = [row(spec) for spec in scene]
    between = np.full((rows[0].shape[0], 3 * GAP, 3), 255, np.uint8)
    under = np.full((GAP, 2 * rows[0].shape[1] + between.shape[1], 3), 255, np.uint8)
    top = np.concatenate([rows[0], between, rows[1]], axis=1)
    bottom = np.concatenate([rows[2], between, rows[3]], axis=1)
    sheet = Image.fromarray(np.concatenate([top, under, bottom]))
    sheet = sheet.resize((sheet.width * SCALE, sheet.height * SCALE), Image.Resampling.NEAREST)
    sheet.save(Path(__file__).with_name("shapes.png"), optimize=True)
    for spec in scene:
        print(spec.name, spec.captions[0])


if __name__ == "__main__":
    main()
