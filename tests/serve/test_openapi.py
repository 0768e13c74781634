"""The API attacked by its own description: what it says is what it does, whatever it is sent."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import booleans
from little_server import Little
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

# not "positive data acceptance": that a place in a list is one that was given, or that a sentence
# is not empty where nothing else is asked for, no schema can say
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]
REFUSALS = [negative_data_rejection]
EACH = 8  # cases an operation and mode
HOW = settings(
    max_examples=EACH,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def described(little: Little) -> Any:
    """The API over a library of little films that cannot be added to."""
    app = little.app(read_only=True, hosts=["testserver"])
    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)


@pytest.fixture(scope="module")
def real(little: Little) -> dict[str, str]:
    """Ids that there are."""
    client = little.client()
    hit = client.get("/api/v1/search", params={"q": "x", "limit": 1}).json()["hits"][0]
    return {"moment": hit["id"], "video": hit["video"]}


def test_what_is_described_is_what_is_answered(
    described: Any, real: dict[str, str], subtests: pytest.Subtests
) -> None:
    answered = set()
    for result in described.get_all_operations():
        operation = result.ok()
        for mode in GenerationMode:

            @HOW
            @given(operation.as_strategy(generation_mode=mode), booleans())
            def attack(case: Any, known: bool) -> None:
                mended = known and _mended(case, real)
                response = case.call()
                answered.add((case.operation.label, response.status_code))
                case.validate_response(response, checks=CHECKS + ([] if mended else REFUSALS))

            # what takes nothing can be given nothing wrong
            with subtests.test(operation.label, mode=mode.value), suppress(Unsatisfiable):
                attack()
    reached = {label.removeprefix("GET /api/v1") for label, status in answered if status < 300}
    assert {"/search", "/moments/{moment}", "/videos", "/videos/{video}/media"} <= reached


def _mended(case: Any, real: dict[str, str]) -> bool:
    """Asks for what there is, where the case makes up what there is not; has it been changed?"""
    there = set(case.path_parameters) & set(real)
    case.path_parameters.update({name: real[name] for name in there})
    if case.path.endswith("/search"):
        case.query = {"q": "a dog"}
    return bool(there) or case.path.endswith("/search")
