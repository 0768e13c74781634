"""Records become arrays in worker processes just as in this one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fdaclip.data import Record
from fdaclip.data.frames import Frames, load
from fdaclip.data.shapes import plan, write
from fdaclip.evaluate import evaluate
from fdaclip.model import FDACLIP
from fdaclip.motion import MotionConfig
from fdaclip.video import Sampling, VideoError

SPECS = plan({"val": 1}, seed=2)["val"]


def test_loaded_clips_are_what_the_model_prepares_itself(tmp_path: Path) -> None:
    records = write(SPECS, tmp_path, workers=1)
    model = FDACLIP.small(image_size=48, layers=1, text_layers=1, sampling=Sampling(frames=2))
    side = model.preprocess.decode_short_side
    frames = Frames(model.sampling, model.motion, model.preprocess, side)
    counts: list[tuple[int, int]] = []
    rgba = load(records, frames, workers=2, progress=lambda *seen: counts.append(seen))
    assert rgba.shape == (4, 2, 4, 48, 48) and counts[-1] == (4, 4)
    for clip, record in zip(rgba, records, strict=True):
        assert (clip == model.prepare(model.sample(record.path))).all()

    captions = [record.captions for record in records]
    found = evaluate(model, list(rgba), captions)["text_to_video"]
    assert (found["queries"], found["candidates"]) == (4, 4)
    texts = model.encode_texts([caption for (caption,) in captions])
    best = (texts @ model.encode_rgba(list(rgba)).T).argmax(1)
    assert found["r1"] == pytest.approx(100 * np.mean(best == np.arange(4)))


def test_masks_come_from_the_codec_if_the_model_wants_them_so(tmp_path: Path) -> None:
    records = write(SPECS, tmp_path, workers=1)
    motion = MotionConfig(source="codec")
    model = FDACLIP.small(image_size=48, layers=1, text_layers=1, motion=motion)
    side = model.preprocess.decode_short_side
    frames = Frames(model.sampling, model.motion, model.preprocess, side)
    rgba = load(records, frames, workers=1)
    pixels = load(records, replace(frames, motion=MotionConfig()), workers=1)
    for clip, record in zip(rgba, records, strict=True):
        assert (clip == model.prepare(model.sample(record.path))).all()
    assert (rgba[:, :, :3] == pixels[:, :, :3]).all() and (rgba[:, :, 3] != pixels[:, :, 3]).any()


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"")
    model = FDACLIP.small(image_size=16, patch_size=8, width=32, layers=1, text_layers=1)
    frames = Frames(model.sampling, model.motion, model.preprocess, None)
    with pytest.raises(VideoError, match=r"bad\.mp4"):
        load([Record("bad", bad, ("a",))], frames, workers=1)
