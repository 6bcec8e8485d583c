"""Reads the settings from the environment, with an error of one line for all that is wrong.

The region, credentials and `AWS_ENDPOINT_URL` are boto3's own and work as everywhere.
"""

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from worker.errors import ConfigurationError
from worker.settings.declarations import Settings

PREFIX = "WORKER_"


def load(environ: Mapping[str, str] = os.environ, needs: Sequence[str] = ()) -> Settings:
    """Read the settings; an empty variable counts as unset. `needs`: names of settings that must be set.

    Raises ConfigurationError naming each wrong variable, its value and its bounds. A `WORKER_…`
    variable that is no setting is wrong too.
    """
    given = {name.removeprefix(PREFIX): value for name, value in environ.items() if name.startswith(PREFIX)}
    values = {name.lower(): _lower_choice(name.lower(), value) for name, value in given.items() if value}
    try:
        settings = Settings.model_validate(values)
    except ValidationError as errors:
        raise ConfigurationError("; ".join(map(_explain, errors.errors()))) from None
    missing = [name for name in needs if not given.get(name.upper())]
    if missing:
        raise ConfigurationError("; ".join(map(_missing, missing)))
    return settings


def rows() -> Iterator[tuple[str, str, str, str, str]]:
    """Give (variable, default, bounds, unit, description) of each setting, for --help and the docs."""
    for name, field in Settings.model_fields.items():
        unit = str(_extra(field, "unit"))
        yield _variable(name), _default(field), _bounds(field), unit, _description(field)


def _lower_choice(name: str, value: str) -> str:
    """Let choices be written in capitals too, as in LOG_LEVEL=INFO."""
    field = Settings.model_fields.get(name)
    return value.lower() if field and value.lower() in _choices(field) else value


def _choices(field: FieldInfo) -> list[str]:
    return [choice for choice in get_args(field.annotation) if isinstance(choice, str)]


def _extra(field: FieldInfo, name: str) -> object:
    extra = field.json_schema_extra
    return extra.get(name, "") if isinstance(extra, dict) else ""


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _description(field: FieldInfo) -> str:
    """Give a setting's docstring as one line."""
    return " ".join((field.description or "").split())


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if isinstance(field.default, tuple):
        return ",".join(map(str, field.default))
    return "" if field.default is None else str(field.default)


def _bounds(field: FieldInfo) -> str:
    """Give a number's range or a text's choices."""
    low = next((m.ge for m in field.metadata if hasattr(m, "ge")), None)
    high = next((m.le for m in field.metadata if hasattr(m, "le")), None)
    if low is not None:
        return f"{low} … {high}"
    return ", ".join(_choices(field))


def _explain(error: ErrorDetails) -> str:
    if not error["loc"]:  # a contradiction between settings: its text names them
        return _text(error)
    name = str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, Settings.model_fields, 1)
        return f"{_variable(name)} is no setting" + (f"; did you mean {_variable(near[0])}?" if near else "")
    field = Settings.model_fields[name]
    if error["type"] == "missing":
        return _missing(name)
    value = "its value is not shown" if field.annotation is SecretStr else f"it is {error['input']!r}"
    bounds = f"one of {_bounds(field)}" if _choices(field) else _bounds(field)
    return f"{_variable(name)} {f'must be {bounds}' if bounds else _text(error)}; {value}"


def _missing(name: str) -> str:
    return f"{_variable(name)} is not set: {_description(Settings.model_fields[name]).removesuffix('.')}"


def _text(error: ErrorDetails) -> str:
    return error["msg"].removeprefix("Value error, ")
