"""One small model and one export of it, shared by the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fdaclip.model import FDACLIP, export_model
from fdaclip.model.runtimes.probe import generated_clips

SMALL = {"width": 64, "layers": 2, "text_layers": 1, "embedding_size": 64}


@pytest.fixture(scope="session")
def model() -> FDACLIP:
    return FDACLIP.small(3, **SMALL)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def folder(model: FDACLIP, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("exported") / "fp32"
    export_model(model, target, source="small")
    return target


@pytest.fixture(scope="session")
def clips() -> list[NDArray[np.uint8]]:
    return generated_clips(56, seed=50, frames=(1, 2, 7, 12))


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FDACLIP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
