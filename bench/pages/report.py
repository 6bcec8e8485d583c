"""The measurements as tables for the terminal, and the machine they were made on."""

import hashlib
import os
import platform
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from rich import table
from rich.markup import escape

from bench.pages.tables import sections
from bench.processes import ROOT
from docs.tools.table import Table
from worker.adapters.engines import Engines
from worker.settings.cores import cores

MUCH = 0.1  # share of the cores that other programs may take without a warning
PACKAGES = (
    "tensorflow",
    "tensorflow-cpu",
    "ai-edge-litert",
    "openvino",
    "keras",
    "pillow",
    "numpy",
    "boto3",
    "pycurl",
    "redis",
)


def tables(measured: Mapping[str, Any]) -> Iterator[table.Table]:
    """Make every table of the measurements."""
    for some in sections(measured).values():
        yield from map(_terminal_table, some)


def warning(measured: Mapping[str, Any]) -> str:
    """Warn when other programs used the cores as well; empty when they hardly did."""
    taken = max(_shares_taken(measured), default=0.0)
    if taken < MUCH:
        return ""
    return f"other programs took up to {taken:.0%} of the cores meanwhile: measure again on a quiet machine"


def machine() -> dict[str, Any]:
    """Describe this machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")
    versions = {
        package.metadata["Name"].lower().replace("_", "-"): package.version
        for package in metadata.distributions()
    }
    engines = Engines()
    return {
        "cores": cores(),
        "cpu": model,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} on {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: versions[name] for name in PACKAGES if name in versions},
        "engines": [*(["tensorflow"] if engines.tensorflow_version else []), *engines.runners],
    }


def code() -> str:
    """A digest of the worker's code: figures of other code belong to another run."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "worker").rglob("*.*")):
        if path.suffix in {".py", ".lua"}:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _shares_taken(measured: Any) -> Iterator[float]:
    """Find every `cores_taken`, at any depth."""
    if isinstance(measured, Mapping):
        for name, value in measured.items():
            if name == "cores_taken" and isinstance(value, int | float):
                yield value
            else:
                yield from _shares_taken(value)
    elif isinstance(measured, list):
        for one in measured:
            yield from _shares_taken(one)


def _terminal_table(given: Table) -> table.Table:
    printed = table.Table(*map(escape, given.columns), title=escape(given.title), title_justify="left")
    for row in given.rows:
        printed.add_row(*map(escape, row))
    return printed
