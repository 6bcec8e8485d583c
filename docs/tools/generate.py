"""Writes the tables of the documents that come from the code; run by `make docs`."""

import worker.interrupts  # noqa: F401 - before all else

# isort: split
import ast
from collections.abc import Callable, Iterable, Mapping
from itertools import takewhile
from pathlib import Path

from cfnlint.decode import cfn_yaml

from docs.tools import marked
from docs.tools.table import markdown
from tests.unit.test_layers import ROOMS
from worker import settings
from worker.door.api.operations import OPERATIONS, UNASKED, UNREAD
from worker.door.problems import CODES
from worker.result import schema
from worker.telemetry.metrics import (
    COUNTERS,
    DISTRIBUTIONS,
    DOOR_COUNTERS,
    DOOR_DISTRIBUTIONS,
    Counter,
    Distribution,
)

ROOT = Path(__file__).parents[2]
WORKER = ROOT / "worker"


def settings_table() -> str:
    """One row per setting."""
    rows = (
        (f"`{variable}`", _default(default), bounds, unit, doc)
        for variable, default, bounds, unit, doc in settings.rows()
    )
    return markdown(("variable", "default", "bounds", "unit", "what it is for"), rows)


def metrics_table() -> str:
    """One row per metric that every worker has."""
    return _metrics(COUNTERS, DISTRIBUTIONS)


def door_metrics_table() -> str:
    """One row per metric that CloudWatch gets only from workers with a door."""
    return _metrics(DOOR_COUNTERS, DOOR_DISTRIBUTIONS)


def _metrics(counters: Iterable[Counter], distributions: Iterable[Distribution]) -> str:
    rows = [
        (f"`{one.name}`", f"`{one.family}_total{_labels(one.labels)}`", "Count", one.doc) for one in counters
    ]
    rows += [
        (f"`{one.name}`", f"`{_family(one)}{_labels(one.labels)}`", one.unit, one.doc)
        for one in distributions
    ]
    return markdown(("CloudWatch", "Prometheus: `photo_score_…`", "unit", "what it counts or measures"), rows)


def parameters_table(template: str) -> str:
    """One row per parameter of a CloudFormation template."""
    declared = cfn_yaml.load(str(ROOT / "deploy" / template))["Parameters"]
    rows = (
        (f"`{name}`", _default(str(its.get("Default", "required"))), its["Description"])
        for name, its in declared.items()
    )
    return markdown(("parameter", "default", "what it is for"), rows)


def packages_table() -> str:
    """One row per package and top-level module of worker/, in the order of the layers."""
    rows = ((f"`{room}{'/' * (WORKER / room).is_dir()}`", _job(_source(room))) for room in _top_down())
    return markdown(("package or module", "job"), rows)


def files_table() -> str:
    """One row per file of worker/, below a row for its package."""
    rows = []
    for room in _top_down():
        folders = sorted({path.parent for path in (WORKER / room).rglob("*.py")})
        for folder in folders:
            rows.append((f"**`{folder.relative_to(WORKER)}/`**", f"**{_job(folder / '__init__.py')}**"))
            scripts = folder.glob("lua/*.lua")
            files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
            rows += [(f"`{path.relative_to(folder)}`", _job(path)) for path in sorted([*files, *scripts])]
        if not folders:
            rows.append((f"`{room}.py`", _job(_source(room))))
    return markdown(("file", "job"), rows)


def requests_table() -> str:
    """One row per request that the door takes."""
    rows = (
        (
            f"`{one.method.upper()} {one.path}`",
            one.summary,
            "; ".join(f"{answer.status}: {answer.text}" for answer in one.answers),
        )
        for one in OPERATIONS
    )
    return markdown(("request", "what it does", "answers"), rows)


def codes_table() -> str:
    """One row per code that the door refuses with, by status."""
    rows = (
        (str(one.status), f"`{code}`", _refused(code), one.meaning, one.advice)
        for code, one in sorted(CODES.items(), key=lambda item: item[1].status)
    )
    return markdown(("status", "code", "at", "what it means", "what to do"), rows)


def _refused(code: str) -> str:
    """The methods of the requests that a code refuses."""
    methods = [one.method.upper() for one in OPERATIONS if code in one.codes and not one.is_open]
    return ", ".join(methods) if code not in UNREAD + tuple(UNASKED) else "any"


def _default(text: str) -> str:
    return text if text in {"", "required"} else f"`{text}`"


def _top_down() -> Iterable[str]:
    return reversed(ROOMS)


def _source(room: str) -> Path:
    package = WORKER / room / "__init__.py"
    return package if package.exists() else WORKER / f"{room}.py"


def _job(path: Path) -> str:
    """The first paragraph of a file's docstring, or the first sentence of a script's opening comment."""
    if path.suffix == ".lua":
        comment = takewhile(lambda line: line.startswith("--"), path.read_text().splitlines())
        return " ".join(line.lstrip("- ") for line in comment).partition(". ")[0].rstrip(".") + "."
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
    return " ".join(docstring.partition("\n\n")[0].split())


def _family(one: Distribution) -> str:
    return "latency_seconds" if one.family == "latency" else one.family


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


# Document → name of each part → the function that writes it.
PARTS: dict[str, dict[str, Callable[[], str]]] = {
    "CONTRIBUTING.md": {"packages": packages_table},
    "deploy/README.md": {
        "parameters": lambda: parameters_table("template.yaml"),
        "door parameters": lambda: parameters_table("door.yaml"),
    },
    "docs/architecture.md": {"files": files_table},
    "docs/contract.md": {"requests": requests_table, "codes": codes_table},
    "docs/metrics.md": {"metrics": metrics_table, "door metrics": door_metrics_table},
    "docs/reference.md": {"settings": settings_table},
}


FILES: dict[str, Callable[[], str]] = {"docs/result.schema.json": lambda: f"{schema()}\n"}


def generate(document: str) -> str:
    """A document's text, all of it or each part between its marks written anew."""
    if document in FILES:
        return FILES[document]()
    parts = {name: write() for name, write in PARTS[document].items()}
    return marked.fill((ROOT / document).read_text(), parts)


if __name__ == "__main__":
    for document in [*PARTS, *FILES]:
        (ROOT / document).write_text(generate(document))
