"""A page for people in one HTML file: nothing fetched, no scripts, light and dark.

What the pages of answers and of reports have in common: the shell, the look, pictures as text.
"""

from __future__ import annotations

import base64
import html
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

QUALITY = 82  # of the JPEGs


def sheet(title: str, sections: str, style: str, footer: str) -> str:
    """The whole page.

    Args:
        title: plain text. sections, footer: HTML.
        style: CSS that is added to `STYLE`. Elements of class `mask` are hidden by the switch.
    """
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{shown(title)}</title>
<style>{STYLE}{style}</style>
</head>
<body>
<input type="checkbox" id="masks" checked>
<header><h1>{shown(title)}</h1><label for="masks">Show what moves</label></header>
<main>
{sections}
</main>
<footer>{footer}</footer>
</body>
</html>
"""


def shown(text: str) -> str:
    """For HTML, with what cannot be shown escaped."""
    return html.escape(text if text.isprintable() else ascii(text)[1:-1])


def jpeg(rgb: NDArray[np.uint8]) -> str:
    """uint8 [H,W,3] as the address of a picture that needs no file."""
    memory = io.BytesIO()
    Image.fromarray(rgb).save(memory, "JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(memory.getvalue()).decode()


STYLE = """
:root { --paper: #f6f5f2; --card: #fff; --ink: #1d1c1a; --soft: #6f6b64; --line: #e4e1da;
  --accent: #d6481c; --bar: #3a5a78; --shade: 0 1px 2px #0000000d, 0 6px 20px #0000000f; }
@media (prefers-color-scheme: dark) { :root { --paper: #141413; --card: #1e1d1c; --ink: #efede8;
  --soft: #9b968d; --line: #34322f; --accent: #ff7a4d; --bar: #7ea6cc; --shade: none; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
header, main, footer { max-width: 1500px; margin: 0 auto; padding: 0 28px; }
header { display: flex; align-items: center; justify-content: space-between; gap: 20px;
  padding-top: 26px; }
h1 { font-size: 15px; font-weight: 650; letter-spacing: .02em; margin: 0; color: var(--soft);
  overflow-wrap: anywhere; }
.quote { color: var(--accent); }
#masks { position: absolute; opacity: 0; }
label { cursor: pointer; user-select: none; color: var(--soft); display: flex; gap: 10px;
  flex: none; }
label::before { content: ""; width: 34px; height: 20px; border-radius: 10px;
  background: radial-gradient(circle 7px at 10px 50%, var(--card) 98%, #0000) var(--soft); }
#masks:checked ~ header label::before {
  background: radial-gradient(circle 7px at 24px 50%, #fff 98%, #0000) var(--accent); }
#masks:focus-visible ~ header label { outline: 2px solid var(--accent); outline-offset: 4px;
  border-radius: 4px; }
#masks:not(:checked) ~ main .mask { display: none; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 14px;
  overflow: hidden; box-shadow: var(--shade); display: flex; flex-direction: column; }
.mask { position: relative; }
.mask em { position: absolute; inset: auto 6px 6px auto; padding: 1px 6px; border-radius: 5px;
  background: #000a; color: #fff; font: 500 11px/1.5 system-ui, sans-serif; }
.tags { list-style: none; display: flex; flex-wrap: wrap; gap: 8px; margin: auto 0 0;
  padding: 0 16px 14px; }
.tags li { font-size: 12.5px; color: var(--soft); border: 1px solid var(--line);
  border-radius: 999px; padding: 1px 10px; font-variant-numeric: tabular-nums; }
footer { color: var(--soft); font-size: 12.5px; padding-bottom: 40px; }
@media (max-width: 560px) { header, main, footer { padding-inline: 14px; } }
@media print { label { display: none; } .card { break-inside: avoid; box-shadow: none; } }
"""
