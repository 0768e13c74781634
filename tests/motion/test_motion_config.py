"""Every parameter is checked, and errors quote the value."""

import json
from dataclasses import asdict, fields

import pytest

from fdaclip.motion import MotionConfig


def test_defaults_survive_json() -> None:
    config = MotionConfig()
    assert MotionConfig(**json.loads(json.dumps(asdict(config)))) == config


@pytest.mark.parametrize("name", [f.name for f in fields(MotionConfig)])
@pytest.mark.parametrize("value", [-1, "much", None, float("nan"), float("inf")])
def test_wrong_values_are_quoted(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name) as caught:
        MotionConfig(**{name: value})
    assert repr(value) in str(caught.value)


def test_shares_must_leave_room() -> None:
    with pytest.raises(ValueError, match=r"0\.5.*0\.4"):
        MotionConfig(min_share=0.5, max_share=0.4)
    with pytest.raises(ValueError, match="short_side"):
        MotionConfig(short_side=True)
