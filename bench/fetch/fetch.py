"""Fetches photos, and calls SQS, at a server that costs little, in the worker's way and in others."""

from collections.abc import Callable
from typing import Any

from bench.processes import ask_module

STEPS = 2
WITHIN = 600.0  # seconds


def measure(rounds: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure in a process of its own: protocol → size → way → figures. Raises BenchError."""
    tell("fetching in each way")
    measured: dict[str, Any] = ask_module("bench.fetch.ways", str(rounds), within=WITHIN)
    return measured


def measure_calls(rounds: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure in a process of its own: protocol → call of SQS → way → figures. Raises BenchError."""
    tell("calling SQS in each way")
    measured: dict[str, Any] = ask_module("bench.fetch.queue_calls", str(rounds), within=WITHIN)
    return measured
