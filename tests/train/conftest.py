"""A few moving shapes as files, and a recipe that trains on them in a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fdaclip.train.reading import build
from fdaclip.train.recipe import Recipe


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the clips and their cache are, shared by all tests of the room."""
    return tmp_path_factory.mktemp("shapes")


@pytest.fixture(scope="session")
def recipe_of(places: Path) -> Any:
    """Makes the recipe, with other values by dotted key."""

    def make(**changes: Any) -> Recipe:
        values = {
            "name": "few",
            "data": {
                "dataset": "shapes",
                "root": str(places / "films"),
                "cache": str(places / "cache"),
                "memory": True,
                "workers": 0,
                "shift": 1,
                "scenes": {"train": 6, "val": 2, "test": 2},
            },
            "model": {
                "start": "small",
                "small": {"width": 32, "layers": 1, "embedding_size": 32},
                "sampling": {"frames": 2},
            },
            "training": {
                "steps": 12,
                "batch": 8,
                "backbone_lr": 2e-3,
                "alpha_lr": 2e-3,
                "new_lr": 2e-3,
                "text_lr": 2e-4,
            },
            "selection": {"every": 4},
            "record": {"save_every": 3, "trackers": []},
        }
        return build(values, [(key.replace("__", "."), value) for key, value in changes.items()])

    return make
