"""What a model runs on: what is asked for, else what measures fastest; exported once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fdaclip.model import FDACLIP, ExportedEncoder, ModelError, exported_for, load_encoder
from fdaclip.model.runtimes import choose as choosing
from fdaclip.model.runtimes import speeds
from fdaclip.model.runtimes.export import TooFar
from fdaclip.model.runtimes.halved import HalvedEncoder
from fdaclip.model.runtimes.speeds import Speed
from fdaclip.video import Sampling

Clips = list[NDArray[np.uint8]]

INT8 = Speed("onnx", "int8", 20.0)
ONNX = Speed("onnx", "fp32", 11.0)
TORCH = Speed("torch", "fp32", 10.5)
BF16 = Speed("torch", "bf16", 2.0)


@pytest.fixture(scope="module")
def saved(model: FDACLIP, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "model"
    model.save_pretrained(folder)
    return folder


def test_the_fastest_is_taken_and_told_why() -> None:
    choice = choosing.fastest_of([INT8, ONNX, TORCH, BF16])
    assert (choice.runtime, choice.precision) == ("onnx", "int8")
    assert "onnx int8 20.0" in choice.why and "torch fp32 10.5" in choice.why


@pytest.mark.parametrize(
    ("measured", "asked", "expected"),
    [
        ([INT8, ONNX, TORCH], {"precision": "fp32"}, ("torch", "fp32")),  # 5 % are not worth it
        ([INT8, Speed("onnx", "fp32", 15.0), TORCH], {"precision": "fp32"}, ("onnx", "fp32")),
        ([INT8, ONNX, TORCH], {"runtime": "onnx"}, ("onnx", "int8")),
        ([ONNX, TORCH, Speed("onnx", "int8", 5.0)], {"runtime": "onnx"}, ("onnx", "fp32")),
        ([TORCH, BF16], {"runtime": "onnx", "precision": "int8"}, ("onnx", "int8")),
        ([Speed("torch", "bf16", 40.0), INT8, TORCH], {}, ("torch", "bf16")),
        ([Speed("openvino", "int8", 40.0), INT8, TORCH], {}, ("onnx", "int8")),  # on request only
        (
            [Speed("openvino", "int8", 40.0), INT8, TORCH],
            {"runtime": "openvino"},
            ("openvino", "int8"),
        ),
    ],
)
def test_what_is_asked_for_goes_first(
    measured: list[Speed], asked: dict[str, Any], expected: tuple[str, str]
) -> None:
    choice = choosing.fastest_of(measured, **asked)
    assert (choice.runtime, choice.precision) == expected


def test_a_runtime_that_cannot_be_exported_to_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choosing, "can_export", lambda *which: False)
    assert choosing.fastest_of([INT8, ONNX, TORCH]).runtime == "torch"


def test_small_models_stay_in_torch(saved: Path, model: FDACLIP, own_cache: Path) -> None:
    encoder = load_encoder(saved)
    assert isinstance(encoder, FDACLIP)
    assert (encoder.runtime, encoder.precision) == ("torch", "fp32")
    assert encoder.fingerprint == model.fingerprint
    assert not own_cache.exists()


def test_an_export_is_made_once_and_found_again(
    saved: Path, model: FDACLIP, own_cache: Path, clips: Clips, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def load(**how: Any) -> Any:
        return load_encoder(saved, runtime="onnx", precision="fp32", tell=told.append, **how)

    assert exported_for(model.fingerprint) is None
    first = load()
    assert isinstance(first, ExportedEncoder)
    assert first.source == str(saved.resolve())
    assert len(told) == 2 and "exporting" in told[0] and " MB in " in told[1]
    assert exported_for(model.fingerprint) == first.folder
    np.testing.assert_allclose(first.encode_rgba(clips), model.encode_rgba(clips), atol=1e-5)
    load()
    other = load(sampling=Sampling(frames=3))  # the graphs don't depend on it
    assert len(told) == 2, "it was exported again"
    assert other.folder == first.folder
    twin = FDACLIP.from_pretrained(saved, sampling=Sampling(frames=3))
    assert other.fingerprint == twin.fingerprint != first.fingerprint
    assert exported_for(twin.fingerprint) == first.folder
    assert ExportedEncoder(first.folder, sampling=Sampling(frames=3)).sampling.frames == 3
    assert exported_for("0" * 64) is None
    (first.folder / "export.json").write_text("{")  # damaged
    assert exported_for(model.fingerprint) is None

    def export(model: FDACLIP, folder: Path, **rest: Any) -> Any:
        first.export.write(folder)
        return first.export

    monkeypatch.setattr(choosing, "export_model", export)
    load()
    assert len(told) == 5 and "exporting again" in told[2]


def test_int8_too_far_off_falls_back_once(
    model: FDACLIP, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def export(model: FDACLIP, folder: Path, *, precision: str, **rest: Any) -> Any:
        tried.append(precision)
        folder.parent.mkdir(parents=True, exist_ok=True)
        raise TooFar(f"{precision} is too far")

    monkeypatch.setattr(choosing, "export_model", export)
    monkeypatch.setattr(choosing, "measured", lambda: [INT8, ONNX])
    told: list[str] = []
    for _ in range(2):
        with pytest.raises(TooFar, match="fp32 is too far"):
            choosing.place(model, "small", "onnx", "auto", "cpu", told.append)
    assert tried == ["int8", "fp32"], "what was refused is tried again"
    assert told.count("int8 is too far") == 2
    with pytest.raises(TooFar, match="int8 is too far"):
        choosing.place(model, "small", "onnx", "int8", "cpu", told.append)


def test_bf16_is_near_and_has_the_same_fingerprint(saved: Path, model: FDACLIP) -> None:
    clip = np.random.default_rng(1).integers(0, 256, (3, 4, 56, 56), dtype=np.uint8)
    halved = load_encoder(saved, runtime="torch", precision="bf16", device="cpu")
    assert isinstance(halved, HalvedEncoder)
    assert (halved.runtime, halved.precision) == ("torch", "bf16")
    assert halved.fingerprint == model.fingerprint
    found, expected = halved.encode_rgba([clip]), model.encode_rgba([clip])
    assert found.dtype == np.float32
    assert float((found * expected).sum()) > 0.999 and (found != expected).any()
    texts = ["a dog runs", "red"]
    assert ((halved.encode_texts(texts) * model.encode_texts(texts)).sum(1) > 0.999).all()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"runtime": "torch", "precision": "int8"}, r"hint: int8 is for the runtime onnx"),
        ({"runtime": "onnx", "precision": "bf16"}, r"onnx runs fp32 and int8.*bf16 is for torch"),
        ({"runtime": "onnx", "device": "cuda"}, r"on the processor here, not on cuda"),
        ({"runtime": "abacus"}, r"auto, torch, onnx, openvino, not 'abacus'"),
        ({"precision": "fp7"}, r"auto, fp32, bf16, int8, not 'fp7'"),
        ({"device": "cuda:7", "runtime": "torch"}, r"the device cuda:7 cannot be used"),
    ],
)
def test_what_does_not_go_is_refused(saved: Path, asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load_encoder(saved, **asked)


def test_speeds_are_measured_once_for_a_machine(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0

    def measure() -> list[Speed]:
        nonlocal count
        count += 1
        return [INT8, TORCH]

    monkeypatch.setattr(speeds, "measure", measure)
    assert speeds.measured() == speeds.measured() == [INT8, TORCH]
    assert count == 1
    speeds.measured(again=True)
    assert count == 2
    known = json.loads((own_cache / "speeds.json").read_text())
    known["machine"]["versions"]["onnxruntime"] = "0.1"
    (own_cache / "speeds.json").write_text(json.dumps(known))
    speeds.measured()
    assert count == 3, "another version's speeds were taken"
    (own_cache / "speeds.json").write_text("[")
    assert speeds.measured() == [INT8, TORCH]


def test_the_machine_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, small in (("FRAMES", 2), ("TOKENS", 10), ("WIDTH", 64), ("ROUNDS", 1)):
        monkeypatch.setattr(speeds, name, small)
    found = speeds.measure()
    names = {(speed.runtime, speed.precision) for speed in found}
    assert {("torch", "fp32"), ("torch", "bf16"), ("onnx", "fp32"), ("onnx", "int8")} <= names
    rates = [speed.frames_per_second for speed in found]
    assert rates == sorted(rates, reverse=True) and min(rates) > 0
