"""Reads metric lines as CloudWatch does, and checks them against the schema and the rules beside it."""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jsonschema

SCHEMA = json.loads((Path(__file__).parents[1] / "data" / "emf-schema.json").read_text())
LARGEST = 256 * 1024  # bytes of a log event
_VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def check(line: str) -> dict[str, Any]:
    """Parse a line; fails when CloudWatch would take no metrics from it."""
    document: dict[str, Any] = json.loads(line)
    _VALIDATOR.validate(document)
    assert len(line.encode()) <= LARGEST
    for directive in document["_aws"]["CloudWatchMetrics"]:
        names = [metric["Name"] for metric in directive["Metrics"]]
        assert len(set(names)) == len(names)
        assert set(names) <= set(document), "a metric without its value"
        for dimensions in directive["Dimensions"]:
            assert all(isinstance(document[name], str) for name in dimensions), (
                "a dimension without its value"
            )
            assert not set(dimensions) & set(names)
    return document


def values(lines: Iterable[str]) -> dict[str, list[float]]:
    """Collect the values of each metric, by name."""
    found: dict[str, list[float]] = defaultdict(list)
    for document in map(check, lines):
        for directive in document["_aws"]["CloudWatchMetrics"]:
            for metric in directive["Metrics"]:
                value = document[metric["Name"]]
                found[metric["Name"]] += value if isinstance(value, list) else [value]
    return found
