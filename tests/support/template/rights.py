"""Evaluates a template's IAM statements as IAM does, for one action on one resource."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from tests.support.template.rendered import Rendered

Statement = dict[str, Any]


def statements_of(rendered: Rendered, role: str) -> list[Statement]:
    """Return every statement of a role, attached policies included."""
    statements: list[Statement] = []
    for policy in rendered.properties(role).get("Policies", []):
        statements += policy["PolicyDocument"]["Statement"]
    attached = {**rendered.of_type("AWS::IAM::Policy"), **rendered.of_type("AWS::IAM::ManagedPolicy")}
    for policy in attached.values():
        if rendered.ids.get(role, f"<{role}>") in policy["Roles"]:
            statements += policy["PolicyDocument"]["Statement"]
    return statements


def allows(statements: list[Statement], action: str, resource: str, **context: str) -> bool:
    """Whether an Allow covers the action. `context` has the condition keys, with `__` for `:`."""
    values = {key.replace("__", ":"): value for key, value in context.items()}
    return any(
        statement["Effect"] == "Allow"
        and _matches(statement["Action"], action.lower(), str.lower)
        and _matches(statement["Resource"], resource)
        and _holds(statement.get("Condition", {}), values)
        for statement in statements
    )


def find_statements(value: object) -> Iterator[Statement]:
    """Yield every policy statement in some properties."""
    if isinstance(value, dict):
        if "Effect" in value:
            yield value
        for one in value.values():
            yield from find_statements(one)
    elif isinstance(value, list):
        for one in value:
            yield from find_statements(one)


def as_list(value: object) -> list[str]:
    """Turn a string or a list of strings into a list."""
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _matches(patterns: object, value: str, read: Any = str) -> bool:
    return any(fnmatchcase(value, read(pattern)) for pattern in as_list(patterns))


def _holds(condition: Mapping[str, Mapping[str, Any]], values: Mapping[str, str]) -> bool:
    """The template uses StringEquals, StringLike, ArnEquals and ArnLike, and their …IfExists."""
    return all(
        _matches(patterns, values[key]) if key in values else test.endswith("IfExists")
        for test, keys in condition.items()
        for key, patterns in keys.items()
    )
