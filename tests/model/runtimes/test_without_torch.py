"""Indexing and searching with an export imports neither torch nor transformers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from fdaclip.video import write_video

REFUSING = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    # finds everything but these, as if they were not installed
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        refused = name.split(".")[0] in ("torch", "transformers", "safetensors")
        return None if refused else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
from fdaclip.cli import run
sys.exit(run(sys.argv[1:]))
"""


def fdaclip(*arguments: object, cache: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", REFUSING, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"FDACLIP_CACHE": str(cache)},
        check=False,
    )


def test_index_and_search(folder: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name in ("one", "two"):
        frames = random.integers(0, 256, (30, 64, 96, 3), dtype=np.uint8)
        write_video(tmp_path / f"{name}.mp4", iter(frames), 10)
    library = ["--library", tmp_path / "library"]
    videos = [tmp_path / "one.mp4", tmp_path / "two.mp4"]
    indexed = fdaclip("index", *videos, "--model", folder, *library, cache=tmp_path)
    assert indexed.returncode == 0, indexed.stderr
    assert "2 videos indexed" in indexed.stdout
    searched = fdaclip("search", "a red circle", *library, cache=tmp_path)
    assert searched.returncode == 0, searched.stderr
    assert "one.mp4" in searched.stdout and "two.mp4" in searched.stdout
    status = fdaclip("status", *library, cache=tmp_path)
    assert status.returncode == 0, status.stderr


def test_what_needs_torch_says_what_to_install(tmp_path: Path) -> None:
    library = ["--library", tmp_path / "library"]
    for arguments in (
        ["index", tmp_path, "--model", "starter", *library],
        ["train", tmp_path / "recipe.yaml"],
    ):
        said = fdaclip(*arguments, cache=tmp_path)
        assert said.returncode == 1
        assert "pip install 'fdaclip[torch]'" in said.stderr, said.stderr
        assert len(said.stderr.splitlines()) <= 2, said.stderr
    listed = fdaclip("models", "list", cache=tmp_path)
    assert listed.returncode == 0 and "clip-b32" in listed.stdout
