"""The model as mteb wants it; mteb itself is tried where it is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fdaclip.evaluate import EvaluationError
from fdaclip.evaluate.mteb import MTEBModel, as_mteb
from fdaclip.model import FDACLIP
from fdaclip.video import Sampling

sys.path.insert(0, str(Path(__file__).parents[1] / "library"))

from tiny_films import film


@pytest.fixture(scope="module")
def model() -> FDACLIP:
    return FDACLIP.small(
        image_size=16,
        patch_size=8,
        width=32,
        layers=1,
        text_layers=1,
        sampling=Sampling(frames=2),
    )


class Table:
    """What is used of a `datasets.Dataset`."""

    def __init__(self, rows: list[dict[str, Any]], raw: bool = False) -> None:
        self.rows, self.raw = rows, raw
        self.column_names = list(rows[0])

    def cast_column(self, name: str, feature: Any) -> Table:
        assert name == "video" and feature.decode is False
        return Table(self.rows, raw=True)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        assert self.raw, "mteb's own decoder must not choose the frames"
        return iter(self.rows)


class Loader(list[dict[str, Any]]):
    """What is used of mteb's data loader: batches, and the data set."""

    dataset: Table


def test_texts_and_videos_are_encoded_as_by_the_model(
    model: FDACLIP, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(Video=SimpleNamespace))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "left"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "left").mkdir()
    films = [film(tmp_path / f"{i}.mp4", colour=i) for i in range(2)]
    rows = [
        {"id": "0", "video": {"bytes": None, "path": str(films[0])}},
        {"id": "1", "video": {"bytes": films[1].read_bytes(), "path": None}},
    ]
    adapted = MTEBModel(model, None)
    videos = Loader()
    videos.dataset = Table(rows)
    found = adapted.encode(videos, task_metadata=None, hf_split="test", hf_subset="default")
    assert (found == model.encode_videos(films)).all()
    assert list((tmp_path / "left").iterdir()) == [], "no file is left behind"

    texts = Loader([{"text": ["a red bar"]}, {"text": ["b", "c"]}])
    texts.dataset = Table([{"id": "0", "text": "a red bar"}])
    queries = adapted.encode(texts, prompt_type=None)
    assert (queries == model.encode_texts(["a red bar", "b", "c"])).all()
    np.testing.assert_allclose(adapted.similarity(queries, found), queries @ found.T, atol=1e-6)
    pairs = adapted.similarity_pairwise(queries[:2], found)
    np.testing.assert_allclose(pairs, (queries[:2] * found).sum(1), atol=1e-6)


def test_mixed_inputs_are_refused(model: FDACLIP) -> None:
    mixed = Loader()
    mixed.dataset = Table([{"id": "0", "video": None, "audio": None}])
    with pytest.raises(EvaluationError, match="inputs of audio and video"):
        MTEBModel(model, None).encode(mixed)


def test_without_mteb_it_says_what_to_install(
    model: FDACLIP, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mteb", None)
    monkeypatch.setitem(sys.modules, "mteb.models", None)
    with pytest.raises(EvaluationError, match=r"pip install 'mteb\[video\]=="):
        as_mteb(model, "me/model")


def test_mteb_runs_its_own_video_tasks(model: FDACLIP) -> None:
    mteb = pytest.importorskip("mteb")
    mocks = pytest.importorskip("mteb.mocks.mock_tasks.retrieval")
    adapted = as_mteb(model, "me/model")
    for task in (mocks.MockVideoRetrievalT2V(), mocks.MockVideoRetrievalV2T()):
        (result,) = mteb.evaluate(adapted, [task], cache=None)
        assert 0 <= result.get_score() <= 1
