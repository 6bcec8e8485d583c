"""Copies what `make bench` has measured into docs/performance.md and docs/duplicates.md: tables, pictures, the machine.

    python -m tests.bench.publish

Only what stands between the marks is written; the prose around them is by hand. A page is written when the last run
has measured all of it: parts of different runs must not stand side by side.
"""

import json
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.pages import tables
from bench.pages.report import warning
from bench.processes import ROOT, BenchError
from docs.table import Table

OUT = ROOT / "bench-out"
MARKED = re.compile(
    r"(<!-- (?P<name>[a-z ]+): written by make publish -->\n).*?(<!-- end of (?P=name) -->)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Page:
    """A document, the parts of the bench that it needs, its tables by section, and the pictures below some of them."""

    path: Path
    parts: tuple[str, ...]
    tables: Callable[[Mapping[str, Any]], Mapping[str, list[Table]]]
    drawn: Mapping[str, tuple[str, str]]  # section → picture and what it shows

    @property
    def pictures(self) -> Path:
        """The folder beside it."""
        return self.path.with_suffix("")

    def missing(self, measured: Mapping[str, Any]) -> list[str]:
        """Name the parts that were not measured."""
        return [part for part in self.parts if part not in measured]


PERFORMANCE = Page(
    ROOT / "docs" / "performance.md",
    ("throughput", "batch_sizes", "latency", "accelerator"),
    tables.performance,
    {
        "batch sizes": ("batch-size.svg", "Images per second of the model alone, by batch size"),
        "loads": ("latency.svg", "p50, p90 and p99 of PUT to result, by load"),
        "steps": (
            "second.svg",
            "Mean milliseconds by step: idle, at 80 % load, slow notification, with a direct request",
        ),
    },
)
DUPLICATES = Page(
    ROOT / "docs" / "duplicates.md",
    ("duplicates",),
    tables.duplicates,
    {
        "index": (
            "look-up.svg",
            "Milliseconds of a look-up by photos remembered: this index, numpy, a BK-tree",
        ),
        "hashes": ("hashes.svg", "Changed photos found, and different ones mistaken, by radius and hash"),
    },
)


def main() -> int:
    """Write the pages that the last run has measured; 1 with one line that says why none."""
    try:
        measured = last_run(OUT / "bench.json")
        for page in whole_pages(measured):
            page.path.write_text(published(page, page.path.read_text(), measured))
            page.pictures.mkdir(exist_ok=True)
            for picture, _ in page.drawn.values():
                shutil.copy(OUT / picture, page.pictures)
            print(f"written to {page.path.relative_to(ROOT)}")
    except (BenchError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def whole_pages(measured: Mapping[str, Any]) -> list[Page]:
    """Which pages a run has measured all of. Raises BenchError when that is none."""
    whole = [page for page in (PERFORMANCE, DUPLICATES) if not page.missing(measured)]
    if not whole:
        lacking = ", ".join(PERFORMANCE.missing(measured))
        raise BenchError(f"the last run measured no {lacking}: run `make bench` with all parts")
    return whole


def last_run(path: Path) -> dict[str, Any]:
    """Read what the last run has measured. Raises BenchError."""
    if not path.exists():
        raise BenchError(f"{path.name} is not there: run `make bench` first")
    measured: dict[str, Any] = json.loads(path.read_text())
    return measured


def published(page: Page, text: str, measured: Mapping[str, Any]) -> str:
    """Fill every marked section. Raises BenchError when marks and what was measured do not go together."""
    texts = {
        name: "\n".join(table.markdown() for table in some) + _shown(page, name)
        for name, some in page.tables(measured).items()
    }
    texts["machine"] = _machine(measured)
    marked = {match["name"] for match in MARKED.finditer(text)}
    if marked != set(texts):
        differ = sorted(marked ^ set(texts))
        raise BenchError(f"{page.path.name} and the bench differ in their sections: {differ}")
    return MARKED.sub(lambda match: match[1] + texts[match["name"]] + match[3], text)


def _shown(page: Page, section: str) -> str:
    if section not in page.drawn:
        return ""
    picture, says = page.drawn[section]
    return f"\n![{says}]({page.pictures.name}/{picture})\n"


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
