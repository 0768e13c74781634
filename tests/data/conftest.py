from __future__ import annotations

from pathlib import Path

import pytest
from graded_films import film


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a.mp4 … d.mp4, three seconds each. Not to be changed: copy."""
    folder = tmp_path_factory.mktemp("films")
    for seed, name in enumerate("abcd"):
        film(folder / f"{name}.mp4", seed=seed)
    return folder
