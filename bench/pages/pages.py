"""The pages of docs/ that `make publish` writes: what each needs and shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.door.tables import door
from bench.pages import tables
from bench.pages.summary import summary
from bench.processes import ROOT
from docs.tools.table import Table

DOCS = ROOT / "docs"
SPEED = ("start", "throughput", "batch_sizes", "latency", "hostile", "accelerator", "fetch", "formats")


@dataclass(frozen=True, slots=True)
class Page:
    """A document, the measurements it needs, its tables by part, and the pictures below them."""

    name: str
    needs: tuple[str, ...]
    tables: Callable[[Mapping[str, Any]], Mapping[str, list[Table]]]
    pictures: Mapping[str, tuple[str, str]]  # part → file in docs/, and its description

    @property
    def path(self) -> Path:
        """Where it is."""
        return DOCS / self.name

    def missing(self, measured: Mapping[str, Any]) -> list[str]:
        """Name the measurements that the run lacks."""
        return [part for part in self.needs if part not in measured]


PAGES = (
    Page(
        "performance.md",
        SPEED,
        summary,
        {
            "latency": ("pictures/performance/latency.svg", "p50, p90 and p99 of PUT to result, by load"),
            "steps": (
                "pictures/performance/second.svg",
                "Mean milliseconds by step: idle, at 80 % load, slow notification, with a direct request",
            ),
        },
    ),
    Page(
        "performance-details.md",
        SPEED,
        tables.performance,
        {
            "batch sizes": (
                "pictures/performance/batch-size.svg",
                "Images per second of the model alone, by batch size",
            )
        },
    ),
    Page(
        "duplicates.md",
        ("duplicates",),
        tables.duplicates,
        {
            "index": (
                "pictures/duplicates/look-up.svg",
                "Milliseconds of a look-up by photos remembered: this index, numpy, a BK-tree",
            ),
            "hashes": (
                "pictures/duplicates/hashes.svg",
                "Changed photos found, and different ones confused, by radius and hash",
            ),
        },
    ),
    Page(
        "performance-door.md",
        ("door",),
        door,
        {
            "servers": (
                "pictures/performance/door.svg",
                "Photos a second and p99 by number of clients: the door, Mosec, LitServe, Flask with a lock",
            )
        },
    ),
)
