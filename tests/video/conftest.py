import os

import pytest
from films import film_folder

__all__ = ["film_folder"]

# The encoder of AV1 talks to the terminal unless told otherwise.
os.environ.setdefault("SVT_LOG", "0")


@pytest.fixture(autouse=True)
def silent(capfd: pytest.CaptureFixture[str], request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    """Nothing in this room writes to the terminal, whatever the file is like."""
    yield
    if "loud" not in request.keywords:
        out, err = capfd.readouterr()
        assert (out, err) == ("", "")
