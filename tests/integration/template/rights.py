"""What IAM policies allow: statements of the template, judged as IAM does for one action on one resource."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from tests.integration.template.rendered import Rendered

Statement = dict[str, Any]


def of_role(rendered: Rendered, role: str) -> list[Statement]:
    """Every statement that holds for a role: its own and those of the policies attached to it."""
    statements: list[Statement] = []
    for policy in rendered.properties(role)["Policies"]:
        statements += policy["PolicyDocument"]["Statement"]
    for policy in rendered.of_type("AWS::IAM::Policy").values():
        if rendered.ids.get(role, f"<{role}>") in policy["Roles"]:
            statements += policy["PolicyDocument"]["Statement"]
    return statements


def allows(statements: list[Statement], action: str, resource: str, **context: str) -> bool:
    """Whether an Allow covers the action on the resource; `context` has condition keys, `:` written as `__`."""
    given = {key.replace("__", ":"): value for key, value in context.items()}
    return any(
        statement["Effect"] == "Allow"
        and _matches(statement["Action"], action.lower(), str.lower)
        and _matches(statement["Resource"], resource)
        and _holds(statement.get("Condition", {}), given)
        for statement in statements
    )


def everywhere(value: object) -> Iterator[Statement]:
    """Every policy statement, wherever it stands in some properties."""
    if isinstance(value, dict):
        if "Effect" in value:
            yield value
        for one in value.values():
            yield from everywhere(one)
    elif isinstance(value, list):
        for one in value:
            yield from everywhere(one)


def several(value: object) -> list[str]:
    """A text or a list of texts, as a list."""
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _matches(patterns: object, value: str, read: Any = str) -> bool:
    return any(fnmatchcase(value, read(pattern)) for pattern in several(patterns))


def _holds(condition: Mapping[str, Mapping[str, Any]], given: Mapping[str, str]) -> bool:
    """StringEquals, StringLike, ArnEquals and ArnLike are all that the template uses, and their …IfExists."""
    return all(
        _matches(patterns, given[key]) if key in given else test.endswith("IfExists")
        for test, wanted in condition.items()
        for key, patterns in wanted.items()
    )
