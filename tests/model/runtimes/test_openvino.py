"""OpenVINO gives torch's vectors too."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fdaclip.model import FDACLIP, ExportedEncoder, export_model

pytest.importorskip("openvino")


@pytest.fixture(scope="module")
def exported(model: FDACLIP, tmp_path_factory: pytest.TempPathFactory) -> ExportedEncoder:
    folder = tmp_path_factory.mktemp("openvino") / "fp32"
    export_model(model, folder, runtime="openvino")
    assert not list(folder.glob("*.onnx*"))
    return ExportedEncoder(folder)


def test_vectors_are_torchs(
    exported: ExportedEncoder, model: FDACLIP, clips: list[NDArray[np.uint8]]
) -> None:
    assert (exported.runtime, exported.precision) == ("openvino", "fp32")
    np.testing.assert_allclose(exported.encode_rgba(clips), model.encode_rgba(clips), atol=1e-5)
    texts = ["", "a red circle moves left"]
    np.testing.assert_allclose(exported.encode_texts(texts), model.encode_texts(texts), atol=1e-5)


def test_the_same_bits_whatever_the_company(
    exported: ExportedEncoder, clips: list[NDArray[np.uint8]]
) -> None:
    alone = [exported.encode_rgba([clip])[0] for clip in clips]
    with ThreadPoolExecutor(8) as threads:
        beside = list(threads.map(lambda i: exported.encode_rgba([clips[i % 4]])[0], range(64)))
    assert all((vector == alone[i % 4]).all() for i, vector in enumerate(beside))


@pytest.mark.slow
def test_int8_is_close(tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    model = FDACLIP.small(3)
    export = export_model(model, tmp_path / "int8", runtime="openvino", precision="int8")
    assert 0.999 <= export.cosine < 0.9999999
