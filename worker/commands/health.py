"""health: report the state of the worker on this machine; ECS runs it every few seconds."""

import argparse
import os
import time
from pathlib import Path

import worker
from worker.commands import FAILED, OK
from worker.supervision import health


def run(_options: argparse.Namespace) -> int:
    path = Path(os.environ.get("WORKER_STATE_FILE") or worker.STATE_FILE)
    state = health.State.read(path)
    if state is None:
        print(f"gone: no worker writes {path}")
        return FAILED
    word, why = state.judge(time.monotonic(), health.is_alive)
    print(f"{word}: {why}")
    return FAILED if word in {"gone", "wedged"} else OK
