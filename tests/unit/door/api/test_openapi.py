"""The OpenAPI document is valid, and says of each route and each code what is true."""

import re
from typing import Any

import pytest
import schemathesis
from starlette.routing import Route

from tests.support.fakes import ManualClock
from worker.door.api.openapi import Contract
from worker.door.api.operations import OPERATIONS, READING, TAKING, UNASKED
from worker.door.door import Door
from worker.door.problems import CODES
from worker.settings import load
from worker.telemetry.counters import Telemetry
from worker.telemetry.prometheus import PrometheusMetrics

OWNERS = r"(?P<owner>\w+)/(?P<image_id>[\w-]+)$"


def described(*, has_owners: bool = False, needs_token: bool = False) -> dict[str, Any]:
    return Contract(has_owners, needs_token, has_figures=True).document


@pytest.mark.parametrize("has_owners", [False, True])
def test_the_document_is_valid_and_every_reference_leads_somewhere(has_owners: bool) -> None:
    schema = schemathesis.openapi.from_dict(described(has_owners=has_owners))
    schema.validate()
    assert len(list(schema.get_all_operations())) == len(OPERATIONS)
    for path in set(re.findall(r"#(/[\w/-]+)", str(schema.raw_schema))):
        found = schema.raw_schema
        for name in path.strip("/").split("/"):
            found = found[name]
        assert found


@pytest.mark.parametrize("has_figures", [False, True])
@pytest.mark.parametrize("has_owners", [False, True])
def test_every_route_is_described_and_nothing_else(has_owners: bool, has_figures: bool) -> None:
    owners = {"WORKER_IMAGE_ID_PATTERN": OWNERS, "WORKER_RESULT_KEY": "result:{owner}:{image_id}"}
    settings = load({"WORKER_DOOR_PORT": "1", **(owners if has_owners else {})})
    telemetry = Telemetry([PrometheusMetrics(0)] if has_figures else [])
    door = Door(settings, telemetry, ManualClock(), ManualClock().now)
    routes = {
        (method.lower(), route.path)
        for route in door.app.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    paths = Contract(has_owners, needs_token=False, has_figures=has_figures).document["paths"]
    assert {(method, path) for path, methods in paths.items() for method in methods} == routes


def test_every_code_is_an_answer_of_some_operation_and_has_its_status() -> None:
    assert {*READING, *TAKING, *UNASKED} == CODES.keys()
    for methods in described()["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                for content in answer.get("content", {}).values():
                    for part in content["schema"].get("allOf", [])[1:]:
                        assert {CODES[code].status for code in part["properties"]["code"]["enum"]} == {
                            int(status)
                        }


def test_a_token_is_asked_for_only_where_one_is_needed() -> None:
    for needs_token in (False, True):
        paths = described(needs_token=needs_token)["paths"]
        assert bool(paths["/images"]["post"]["security"]) == needs_token
        assert not paths["/livez"]["get"]["security"]
