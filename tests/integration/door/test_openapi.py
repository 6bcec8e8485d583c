"""What GET /openapi.json says is what a running door does; Schemathesis asks the same of it each time."""

import uuid
from collections.abc import Callable
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from schemathesis import GenerationMode
from schemathesis.checks import positive_data_acceptance
from schemathesis.core.result import Ok
from schemathesis.openapi.checks import JsonSchemaError
from schemathesis.schemas import BaseSchema

from tests.support import photos
from tests.support.doors import DoorClient, door_client
from tests.support.rig import Rig

EXAMPLES = 20  # of each operation, good and bad ones


def read_contract(client: DoorClient) -> BaseSchema:
    schema = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
    assert isinstance(schema, BaseSchema)
    return schema


def hold(schema: BaseSchema, mode: GenerationMode, paths: Callable[[str], bool]) -> int:
    """Ask all there is to ask of some paths; how often it was."""
    asked = 0
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    for operation in (one for one in operations if paths(one.path)):

        @hypothesis.settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            # Any bytes may be a photo, as far as a contract can say; few are one.
            case.call_and_validate(excluded_checks=[positive_data_acceptance])

        ask()
    return asked


def test_whatever_is_asked_is_answered_as_the_contract_says(rig: Rig) -> None:
    with door_client() as client:
        # A process: Hypothesis wants nobody else to use `random` in this one.
        rig.process(door_port=str(client.port), door_wait="0.2").wait_for("polling")
        client.wait_until_ready()
        schema = read_contract(client)
        assert hold(schema, GenerationMode.POSITIVE, lambda _: True) > 2 * EXAMPLES
        # The others have nothing that could be wrong.
        assert hold(schema, GenerationMode.NEGATIVE, lambda path: "{" in path) > EXAMPLES


def test_what_becomes_of_a_photo_is_in_the_contract(rig: Rig) -> None:
    tokens = {"Authorization": "Bearer secret"}
    with door_client() as client, rig.worker(door_port=str(client.port), door_tokens="secret"):
        client.wait_until_ready()
        schema = read_contract(client)
        one = f"/images/{uuid.uuid4()}"
        answers = [
            client.post("/images", content=photos.coffee(), headers=tokens),
            client.put(one, content=photos.coffee(), headers=tokens),
            client.put(one, content=photos.plain("red"), headers=tokens),
            client.post(
                "/images", content=photos.plain("blue"), headers={**tokens, "Prefer": "respond-async"}
            ),
            client.post("/images", content=b"no photo", headers=tokens),
            client.post("/images", content=b"", headers=tokens),
            client.post("/images", content=photos.coffee()),
            client.get(one, headers=tokens),
            client.get("/images/none", headers=tokens),
        ]
        assert [one.status_code for one in answers] == [200, 200, 409, 202, 415, 400, 401, 200, 404]
        for answer in answers:
            path = "/images" if answer.request.url.path == "/images" else "/images/{image_id}"
            schema[path][answer.request.method].validate_response(answer)
        stranger = httpx.Response(200, json={}, request=answers[0].request)
        stranger.elapsed = answers[0].elapsed
        with pytest.raises(JsonSchemaError, match="required property"):
            schema["/images"]["POST"].validate_response(stranger)
