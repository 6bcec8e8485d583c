"""Decodes a photo of 12 megapixels in every format, and compares embedded thumbnails with their photos."""

from collections.abc import Callable
from typing import Any

from bench.processes import ask_module

STEPS = 2
WITHIN = 600.0  # seconds for each


def measure(rounds: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure both in processes of their own. Raises BenchError."""
    tell("decoding 12 MP in every format")
    costs = ask_module("bench.formats.costs", str(rounds), within=WITHIN)
    tell("thumbnails beside their photos")
    return {"formats": costs, "thumbnails": ask_module("bench.formats.likeness", within=WITHIN)}
