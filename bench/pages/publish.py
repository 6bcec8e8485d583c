"""Copies the last run of `make bench` into docs/: tables, pictures, the machine.

    python -m bench.pages.publish

Only the parts between marks are written. A page is written only when the last run measured all of
it: figures of different runs must not stand side by side. What was measured part by part, on one day, one
machine and the same code of the worker, counts as one run.
"""

import worker.interrupts  # noqa: F401 - before all else

# isort: split
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.pages.pages import DOCS, PAGES, Page
from bench.pages.report import warning
from bench.processes import ROOT, BenchError
from docs.tools import marked

OUT = ROOT / "bench-out"


def main() -> int:
    """Write the pages that the last run has measured; 1 when there are none."""
    try:
        measured = read_last_run(OUT / "bench.json")
        for page in complete_pages(measured):
            page.path.write_text(fill(page, page.path.read_text(), measured))
            for picture, _ in page.pictures.values():
                shutil.copy(OUT / Path(picture).name, DOCS / picture)
            print(f"written to {page.path.relative_to(ROOT)}")
    except (BenchError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def complete_pages(measured: Mapping[str, Any]) -> list[Page]:
    """Return the pages that a run has measured completely. Raises BenchError when there are none."""
    complete = [page for page in PAGES if not page.missing(measured)]
    if not complete:
        missing = ", ".join(PAGES[0].missing(measured))
        raise BenchError(f"the last run measured no {missing}: run `make bench` with all parts")
    return complete


def read_last_run(path: Path) -> dict[str, Any]:
    """Read the measurements of the last run. Raises BenchError."""
    if not path.exists():
        raise BenchError(f"{path.name} is missing: run `make bench` first")
    measured: dict[str, Any] = json.loads(path.read_text())
    return measured


def fill(page: Page, text: str, measured: Mapping[str, Any]) -> str:
    """Fill every marked part. Raises BenchError when the page's parts are not the measured ones."""
    parts = {
        name: "\n".join(table.markdown() for table in some) + _picture(page, name)
        for name, some in page.tables(measured).items()
    }
    try:
        return marked.fill(text, {**parts, "machine": _machine(measured)})
    except ValueError as error:
        raise BenchError(f"{page.name}: {error}") from None


def _picture(page: Page, part: str) -> str:
    if part not in page.pictures:
        return ""
    path, description = page.pictures[part]
    return f"\n![{description}]({path})\n"


def _machine(measured: Mapping[str, Any]) -> str:
    machine, options, busy = measured["machine"], measured["options"], warning(measured)
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"Measured on {measured['date']}: {machine['cores']} cores of {machine['cpu']}, {machine['memory_gb']:g} GB, "
        f"{machine['system']}, Python {machine['python']}, {packages}. {options['rounds']} rounds of "
        f"{options['photos']} photos, {options['seconds']:g} s a load."
        f"{_engines(measured)}{busy and f' Note: {busy}.'}\n"
    )


def _engines(measured: Mapping[str, Any]) -> str:
    """Say which engines were there, and which one the worker chose; empty for a run that does not know."""
    if "engine" not in measured:
        return ""
    return f" Engines installed: {', '.join(measured['machine']['engines'])}; {measured['engine']} ran the model."


if __name__ == "__main__":
    sys.exit(main())
