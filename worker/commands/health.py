"""health: tell how the worker on this machine is."""

import argparse
import os
import sys
import time
from pathlib import Path

from worker import settings
from worker.commands.exit_codes import FAILED, OK
from worker.supervision import health

NAME, HELP = "health", "tell how the worker on this machine is; 1 when it is wedged or gone"


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Say what can follow the command."""


def run(_options: argparse.Namespace) -> int:
    """Run it; its exit code. Raises ConfigurationError."""
    path = Path(os.environ.get(f"{settings.PREFIX}STATE_FILE") or settings.STATE_FILE)
    state = health.State.read(path)
    if state is None:
        sys.stdout.write(f"gone: no worker writes {path}\n")
        return FAILED
    word, why = state.judge(time.monotonic(), health.is_alive)
    sys.stdout.write(f"{word}: {why}\n")
    return FAILED if word in {"gone", "wedged"} else OK
