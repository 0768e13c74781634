"""Where the real annotation files lie, and stand-ins for those that are not to be had."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

REAL = Path(__file__).parents[3] / "shared/data/annotations"


def real(name: str) -> Path:
    """The folder of a benchmark's real files; skips where they are absent."""
    folder = REAL / name
    if not folder.is_dir():
        pytest.skip(f"no real annotation files of {name} here")
    return folder


def msrvtt_sentences(folder: Path, name: str, numbers: range) -> None:
    """A file of MSR-VTT's schema: twenty sentences for each of the numbered videos."""
    videos = [
        {
            "category": 9,
            "url": "",
            "video_id": f"video{n}",
            "start time": 137.72,
            "end time": 149.44,
            "split": "train" if n < 6513 else "validate" if n < 7010 else "test",
            "id": n,
        }
        for n in numbers
    ]
    sentences = [
        {"caption": f"sentence {k} of video {n}", "video_id": f"video{n}", "sen_id": 20 * n + k}
        for n in numbers
        for k in range(20)
    ]
    content = {"info": {}, "videos": videos, "sentences": sentences}
    (folder / name).write_text(json.dumps(content))
