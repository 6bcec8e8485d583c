"""Waiting for what other threads and processes do."""

import threading
import time
from collections.abc import Callable

PATIENCE = 20.0  # seconds until a wait fails, unless it names another limit


def eventually(
    condition: Callable[[], bool], explain: Callable[[], object] = lambda: "", patience: float = PATIENCE
) -> None:
    """Check a condition again and again until it holds; fail with an explanation after `patience` seconds."""
    deadline, pause = time.monotonic() + patience, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"it did not come to pass: {explain()}"
        pause.wait(0.05)
