"""Copies the last whole run of `make bench` into docs/performance.md: tables, pictures, the machine.

    python -m tests.bench.publish

Only what stands between the marks is written; the prose around them is by hand.
"""

import json
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.bench.processes import ROOT, BenchError
from tests.bench.report import warning
from tests.bench.tables import sections

OUT = ROOT / "bench-out"
PAGE = ROOT / "docs" / "performance.md"
PICTURES = PAGE.parent / "performance"  # a folder beside it
DRAWN = {  # section → picture and what it shows
    "batch sizes": ("batch-size.svg", "Images per second of the model alone, by batch size"),
    "loads": ("latency.svg", "p50, p90 and p99 of PUT to result, by load"),
    "steps": (
        "second.svg",
        "Mean milliseconds by step: idle, at 80 % load, slow notification, with a direct request",
    ),
}
PARTS = ("throughput", "batch_sizes", "latency", "accelerator")
MARKED = re.compile(
    r"(<!-- (?P<name>[a-z ]+): written by make publish -->\n).*?(<!-- end of (?P=name) -->)", re.DOTALL
)


def main() -> int:
    """Write the page; 1 with one line that says why not."""
    try:
        measured = whole_run(OUT / "bench.json")
        PAGE.write_text(published(PAGE.read_text(), measured))
        PICTURES.mkdir(exist_ok=True)
        for picture, _ in DRAWN.values():
            shutil.copy(OUT / picture, PICTURES)
    except (BenchError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"written to {PAGE.relative_to(ROOT)}")
    return 0


def whole_run(path: Path) -> dict[str, Any]:
    """Read a run of all parts. Raises BenchError: parts of different runs must not stand side by side."""
    if not path.exists():
        raise BenchError(f"{path.name} is not there: run `make bench` first")
    measured: dict[str, Any] = json.loads(path.read_text())
    missing = [part for part in PARTS if part not in measured]
    if missing:
        raise BenchError(f"the last run measured no {', '.join(missing)}: run `make bench` with all parts")
    return measured


def published(page: str, measured: Mapping[str, Any]) -> str:
    """Fill every marked section. Raises BenchError when marks and what was measured do not go together."""
    texts = {
        name: "\n".join(table.markdown() for table in some) + _shown(name)
        for name, some in sections(measured).items()
    }
    texts["machine"] = _machine(measured)
    marked = {match["name"] for match in MARKED.finditer(page)}
    if marked != set(texts):
        raise BenchError(f"{PAGE.name} and the bench differ in their sections: {sorted(marked ^ set(texts))}")
    return MARKED.sub(lambda match: match[1] + texts[match["name"]] + match[3], page)


def _shown(section: str) -> str:
    if section not in DRAWN:
        return ""
    picture, says = DRAWN[section]
    return f"\n![{says}]({PICTURES.name}/{picture})\n"


def _machine(measured: Mapping[str, Any]) -> str:
    on, options, busy = measured["machine"], measured["options"], warning(measured)
    packages = ", ".join(f"{name} {version}" for name, version in on["packages"].items())
    return (
        f"Measured on {measured['date']}: {on['cores']} cores of {on['cpu']}, {on['memory_gb']:g} GB, {on['system']}, "
        f"Python {on['python']}, {packages}. {options['rounds']} rounds of {options['photos']} photos, "
        f"{options['seconds']:g} s a load.{busy and f' Note: {busy}.'}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
