"""Waiting for what other threads and processes do."""

import threading
import time
from collections.abc import Callable

PATIENCE = 20.0  # seconds until a wait fails, unless it names another limit
SHORTEST, LONGEST = 0.02, 0.2  # seconds between two checks: most ask a service, which costs CPU time


def eventually(
    condition: Callable[[], bool], explain: Callable[[], object] = lambda: "", patience: float = PATIENCE
) -> None:
    """Check a condition again and again until it holds; fail with an explanation after `patience` seconds."""
    begun, pause = time.monotonic(), threading.Event()
    while not condition():
        passed = time.monotonic() - begun
        assert passed < patience, f"it did not come to pass: {explain()}"
        pause.wait(min(LONGEST, max(SHORTEST, passed / 10)))
