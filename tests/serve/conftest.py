"""The little films of the library's tests serve here too."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "library"))

import pytest
from little_server import Little, made


@pytest.fixture(scope="session")
def little(tmp_path_factory: pytest.TempPathFactory) -> Little:
    """A library of little films; not to be changed."""
    return made(tmp_path_factory.mktemp("little"))
