"""The MSR-VTT recipe from annotation files to report, killed and gone on with on the way."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "recipes"))

from rehearse import rehearse


@pytest.mark.slow
def test_the_rehearsal(tmp_path: Path) -> None:
    found = rehearse(tmp_path, train=60, test=20, steps=80)
    assert found["kills"] == 2
    # What training reported is what the verb eval finds with the same weights, to the digit.
    for direction in ("text_to_video", "video_to_text"):
        assert found["trained"]["ranks"][direction] == found["masks"]["ranks"][direction]
    figures = [found[name]["headline"]["text_to_video"]["r1"] for name in ("masks", "blind")]
    assert figures[0] > figures[1] + 10
    assert "80 videos, 80 queries" in found["trained"]["data"]["describe"]
    assert (tmp_path / "eval" / "masks" / "report.html").exists()
