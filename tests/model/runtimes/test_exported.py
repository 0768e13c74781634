"""An export gives torch's vectors, and is whole, sound and its own."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fdaclip.model import (
    FDACLIP,
    BadCheckpoint,
    Encoder,
    ExportedEncoder,
    HeadConfig,
    ModelError,
    NeedsOneVector,
    export_model,
    load_encoder,
)
from fdaclip.model.attention import AttentionBias
from fdaclip.model.prune import Prune
from fdaclip.model.runtimes import export as exporting
from fdaclip.video import Sampling

Clips = list[NDArray[np.uint8]]
SMALL = {"width": 64, "layers": 2, "text_layers": 1, "embedding_size": 64}
SENTENCES = ["", "a red circle moves left", "a dog runs", "zyx"]


def lowest_cosine(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float((one.astype(float) * other).sum(1).min())


def test_vectors_are_torchs(model: FDACLIP, folder: Path, clips: Clips) -> None:
    exported = ExportedEncoder(folder)
    np.testing.assert_allclose(exported.encode_rgba(clips), model.encode_rgba(clips), atol=1e-5)
    np.testing.assert_allclose(
        exported.encode_texts(SENTENCES), model.encode_texts(SENTENCES), atol=1e-5
    )


def test_it_says_what_the_model_says(model: FDACLIP, folder: Path) -> None:
    exported: Encoder = ExportedEncoder(folder)
    assert (exported.runtime, exported.precision) == ("onnx", "fp32")
    for name in ("fingerprint", "embedding_size", "sampling", "motion", "preprocess"):
        assert getattr(exported, name) == getattr(model, name), name
    assert exported.encode_rgba([]).shape == (0, 64) == exported.encode_texts([]).shape


def test_the_same_bits_whatever_the_company(folder: Path, clips: Clips) -> None:
    exported = ExportedEncoder(folder)
    alone = np.concatenate([exported.encode_rgba([clip]) for clip in clips])
    assert (exported.encode_rgba(clips) == alone).all()
    with ThreadPoolExecutor(8) as threads:
        beside = list(threads.map(lambda i: exported.encode_rgba([clips[i % 4]]), range(64)))
    for index, vector in enumerate(beside):
        assert (vector[0] == alone[index % 4]).all()
    several = exported.encode_texts([*SENTENCES, SENTENCES[1]])
    for text, vector in zip([*SENTENCES, SENTENCES[1]], several, strict=True):
        assert (exported.encode_texts([text])[0] == vector).all()


def test_int8_is_close_and_the_text_exact(model: FDACLIP, clips: Clips, tmp_path: Path) -> None:
    export = export_model(model, tmp_path / "int8", precision="int8")
    exported = ExportedEncoder(tmp_path / "int8")
    assert exported.precision == "int8"
    assert 0.999 <= export.cosine < 1
    found = exported.encode_rgba(clips)
    assert 0.999 <= lowest_cosine(found, model.encode_rgba(clips)) < 0.9999999, "not quantised"
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(
        exported.encode_texts(SENTENCES), model.encode_texts(SENTENCES), atol=1e-5
    )
    assert not list((tmp_path / "int8").glob("*fp32*"))
    assert (exported.encode_rgba(clips) == found).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"prune": Prune(0.5, merge=True), "attention": AttentionBias(0.1)},
        {"prune": Prune(0.6, adaptive=True), "head": HeadConfig("temporal", layers=1)},
    ],
    ids=["merged and biased", "adaptive, over time"],
)
def test_pruned_and_guided_ones_too(settings: Any, clips: Clips, tmp_path: Path) -> None:
    guided = FDACLIP.small(3, **settings, **SMALL)
    export_model(guided, tmp_path / "out")
    exported = ExportedEncoder(tmp_path / "out")
    assert exported.prune == settings["prune"]
    assert exported.attention == settings.get("attention")
    expected = guided.encode_rgba(clips)
    np.testing.assert_allclose(exported.encode_rgba(clips), expected, atol=1e-5)
    plain = FDACLIP.small(3, **SMALL, head=settings.get("head"))  # type: ignore[arg-type]
    assert np.abs(plain.encode_rgba(clips) - expected).max() > 1e-3, "nothing was guided"


def test_a_tower_with_fixed_padding(siglip_folder: Path, tmp_path: Path) -> None:
    model = FDACLIP.from_pretrained(siglip_folder)
    export_model(model, tmp_path / "out")
    exported = ExportedEncoder(tmp_path / "out")
    texts = ["a red dog", "a circle moves left right a red blue square dog runs left left left"]
    np.testing.assert_allclose(exported.encode_texts(texts), model.encode_texts(texts), atol=1e-5)
    clip = np.random.default_rng(0).integers(0, 256, (3, 4, 48, 48), dtype=np.uint8)
    np.testing.assert_allclose(exported.encode_rgba([clip]), model.encode_rgba([clip]), atol=1e-5)


@pytest.mark.slow
def test_a_tower_whose_layers_know_where_patches_are(pe_folder: Path, tmp_path: Path) -> None:
    ways = {"prune": Prune(0.5, merge=True), "attention": AttentionBias()}
    model = FDACLIP.from_pretrained(pe_folder, **ways)  # type: ignore[arg-type]
    export_model(model, tmp_path / "out")
    exported = ExportedEncoder(tmp_path / "out")
    for frames in (1, 3):
        clip = np.random.default_rng(0).integers(0, 256, (frames, 4, 48, 48), dtype=np.uint8)
        expected = model.encode_rgba([clip])
        np.testing.assert_allclose(exported.encode_rgba([clip]), expected, atol=1e-5)


def test_a_folder_is_whole_wherever_it_is(folder: Path, clips: Clips, tmp_path: Path) -> None:
    before = ExportedEncoder(folder).encode_rgba(clips)
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    encoder = load_encoder(moved)
    assert isinstance(encoder, ExportedEncoder)
    assert (encoder.encode_rgba(clips) == before).all()
    assert encoder.encode_texts(["a"]).shape == (1, 64)
    assert encoder.source == str(moved)


def test_ways_to_choose_frames_have_their_own_fingerprint(model: FDACLIP, folder: Path) -> None:
    anchored = load_encoder(folder, anchored=True)
    twin = FDACLIP.small(3, sampling=Sampling(anchored=True), **SMALL)  # type: ignore[arg-type]
    assert anchored.fingerprint == twin.fingerprint != model.fingerprint
    assert anchored.sampling.anchored
    with pytest.raises(ModelError, match=r"not exported for .*frames=3.*export the model with"):
        load_encoder(folder, sampling=replace(model.sampling, frames=3))


def test_heads_without_one_vector_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NeedsOneVector, match="head wti"):
        export_model(FDACLIP.small(3, head=HeadConfig("wti"), **SMALL), tmp_path / "out")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_what_is_too_far_off_is_refused_with_its_figure(
    model: FDACLIP, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "write_graphs", write_noise)
    with pytest.raises(exporting.TooFar, match=r"a cosine of -?0\.\d{5} for clips, below 0.999"):
        export_model(model, tmp_path / "out")
    assert not list(tmp_path.iterdir()), "something was left there"


def write_noise(model: FDACLIP, folder: Path, runtime: Any, precision: Any) -> None:
    """A vision graph that gives one vector for every clip, and a text graph likewise."""
    import onnx
    from onnx import helper, numpy_helper

    vector = np.zeros((1, model.embedding_size), np.float32)
    vector[0, 0] = 1
    for name, kind, given in (
        ("vision", onnx.TensorProto.UINT8, ("rgba", ["T", 4, 56, 56])),
        ("text", onnx.TensorProto.INT64, ("ids", [1, "L"])),
    ):
        node = helper.make_node("Constant", [], ["vector"], value=numpy_helper.from_array(vector))
        out = helper.make_tensor_value_info("vector", onnx.TensorProto.FLOAT, list(vector.shape))
        graph = helper.make_graph(
            [node], name, [helper.make_tensor_value_info(given[0], kind, given[1])], [out]
        )
        opset = helper.make_opsetid("", 18)
        path = folder / f"{name}.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), path)


def test_other_folders_are_not_replaced(model: FDACLIP, tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"something else than an export.*of its own"):
        export_model(model, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["diary.txt"]


@pytest.mark.parametrize("name", ["vision.onnx", "text.onnx", "fdaclip.json", "tokenizer.json"])
def test_a_missing_file_is_named(folder: Path, tmp_path: Path, name: str) -> None:
    broken = shutil.copytree(folder, tmp_path / "broken")
    (broken / name).unlink()
    with pytest.raises(BadCheckpoint, match=name.replace(".", r"\.")):
        ExportedEncoder(broken)


def test_damage_is_told(folder: Path, tmp_path: Path, clips: Clips) -> None:
    broken = shutil.copytree(folder, tmp_path / "broken")
    graph = (broken / "vision.onnx").read_bytes()
    (broken / "vision.onnx").write_bytes(graph[: len(graph) // 2])
    with pytest.raises(BadCheckpoint, match=r"vision\.onnx cannot be loaded"):
        ExportedEncoder(broken).encode_rgba(clips)
    said = json.loads((folder / "export.json").read_text())
    for change, message in (
        ({"format": 99}, r"has format 99.*update fdaclip"),
        ({"colour": "red"}, "knows no colour"),
        ({"variants": []}, "names no fingerprint"),
        ({"runtime": "abacus"}, "abacus"),
    ):
        (broken / "export.json").write_text(json.dumps(said | change))
        with pytest.raises(BadCheckpoint, match=message):
            ExportedEncoder(broken)


def test_wrong_input_is_told(folder: Path) -> None:
    exported = ExportedEncoder(folder)
    with pytest.raises(ValueError, match=r"uint8 \[T,4,56,56\], not uint8 \(2, 3, 56, 56\)"):
        exported.encode_rgba([np.zeros((2, 3, 56, 56), np.uint8)])
    with pytest.raises(TypeError, match="list of sentences"):
        exported.encode_texts("a dog")


def test_what_was_asked_must_be_there(folder: Path) -> None:
    for asked, message in (
        ({"runtime": "openvino"}, "has the runtime onnx, not openvino"),
        ({"precision": "int8"}, "has the precision fp32, not int8"),
        ({"prune": Prune(0.5)}, r"has the prune none, not \(keep 0\.5"),
    ):
        with pytest.raises(ModelError, match=message):
            load_encoder(folder, **asked)  # type: ignore[arg-type]
