"""How contestants are run and compared."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

import bench
from flop import tower_flop
from index import Compared, even_sample, rounds_of
from mixed_clips import plan
from turns import Contestant


def test_a_contestant_lives_in_its_own_process() -> None:
    contestant = Contestant(Counter, "aab")
    turn = contestant("most_common", 1)
    assert turn.result == [("a", 2)] and turn.seconds >= 0 and turn.processor >= 0
    assert contestant.close() > 1


def test_what_goes_wrong_there_is_said_here() -> None:
    with pytest.raises(RuntimeError, match="TypeError"):
        Contestant(Counter, 3)
    contestant = Contestant(Counter, "aab")
    with pytest.raises(RuntimeError, match="no_such_method"):
        contestant("no_such_method")


def test_rounds_share_all_clips_and_their_work() -> None:
    clips = plan()
    rounds = rounds_of(clips, 4)
    assert sorted(clip.name for some in rounds for clip in some) == [c.name for c in clips]
    work = [sum(clip.pixels for clip in some) for some in rounds]
    assert max(work) < 1.15 * min(work)


def test_a_sample_is_even() -> None:
    clips = sorted(plan(), key=lambda clip: clip.pixels)
    some = even_sample(clips, 20)
    assert len({clip.name for clip in some}) == 20
    mean = np.mean([clip.pixels for clip in clips])
    assert np.mean([clip.pixels for clip in some]) == pytest.approx(mean, rel=0.05)
    assert even_sample(clips, 0) == clips


def test_vectors_agree_with_themselves_and_not_with_others() -> None:
    rng = np.random.default_rng(0)

    def vectors() -> dict[str, np.ndarray]:
        rows = rng.standard_normal((40, 16)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return {str(number): row for number, row in enumerate(rows)}

    a, b = vectors(), vectors()
    same = asdict(Compared(a, a).agreement)
    assert list(same.values()) == pytest.approx([1, 1, 1, 1], abs=1e-5)
    other = Compared(a, b).agreement
    assert other.cosine_mean < 0.3 and other.same_nearest < 0.6 and other.found_itself < 0.3


def test_flop_are_those_that_torch_counts() -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers.models.clip.configuration_clip import CLIPVisionConfig
    from transformers.models.clip.modeling_clip import CLIPVisionModel

    sizes = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2}
    config = CLIPVisionConfig(**sizes, num_attention_heads=2, image_size=64, patch_size=16)
    config._attn_implementation = "eager"
    tower = CLIPVisionModel(config).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        tower(pixel_values=torch.zeros(1, 3, 64, 64))
    assert tower_flop(16, 64, 2, 64, channels=3) == pytest.approx(
        counter.get_total_flops(), rel=0.01
    )


def test_a_part_that_takes_too_long_is_stopped_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "HERE", tmp_path)
    monkeypatch.setattr(bench, "FOLDER", tmp_path / "figures")
    (tmp_path / "slow.py").write_text("import time; time.sleep(60)")
    (tmp_path / "wrong.py").write_text("raise SystemExit('the disk is full')")
    slow = bench.Part("slow", "slow.py", (), 1, lambda found: [])
    wrong = bench.Part("wrong", "wrong.py", (), 30, lambda found: [])
    assert bench.run(slow) == "stopped after 1 s"
    assert "the disk is full" in bench.run(wrong)
    (row,) = bench.rows_of(slow, "stopped after 1 s")
    assert row.ours == "**not measured**: stopped after 1 s"
    slow.figures.write_text('{"of": "another shape"}')
    shaped = bench.Part("slow", "slow.py", (), 1, lambda found: [bench.Row(found["name"], "")])
    (row,) = bench.rows_of(shaped, "")
    assert "another version" in row.ours
