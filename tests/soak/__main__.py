"""`make soak`: real photos at a steady rate, both ways, several workers, random faults; a table at the end.

The exit code is 1 unless every photo has exactly one result or is a dead letter, none that is good
is a dead letter, every request that a worker accepted was answered once, with what Redis has, no
promise was broken on the wire, and no worker ended without being told to.
"""

import worker.interrupts  # noqa: F401 - before all else

# isort: split
import argparse
import json
import os
import random
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from localstack.services import Services, ServicesError
from tests.soak import report
from tests.soak.load import PHOTOS, Soak
from tests.soak.readers import Readers
from tests.soak.senders import Senders
from tests.soak.workers import Workers
from tests.support.faults.audit import OWNERS
from tests.support.faults.fault_rig import FaultRig

ROOT = Path(__file__).parents[2]
OUT = ROOT / "bench-out"
LOGS = OUT / "soak"
MODEL = ROOT / "models" / "reference" / "built" / "reference"
READING = 15.0  # seconds that a reader may wait for what is stored: longer than Redis is away
PATTERN = r"^[a-z]+/(?P<owner>[a-z]+)/(?P<image_id>[0-9a-f-]{36})"  # of keys
HIDDEN, RECEIVES = 16, 5  # the queue's visibility timeout in seconds, and its redrive policy
OK, FAILED, INTERRUPTED = 0, 1, 130


def main() -> int:
    """Run, print the table and write it; return the exit code."""
    options = _options()
    console = Console()
    console.print(
        f"seed {options.seed}, {options.workers} workers, {options.rate:g} photos/s; logs in {LOGS}"
    )
    try:
        found = _soak(options, console)
    except ServicesError as error:
        console.print(str(error), style="red", markup=False)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    console.print(report.table(found))
    (OUT / "soak.json").write_text(json.dumps({"seed": options.seed, **found}, indent=2) + "\n")
    return OK if report.holds(found) else FAILED


def _soak(options: argparse.Namespace, console: Console) -> dict[str, object]:
    with ExitStack() as stack:
        rig = _rig(stack)
        workers = Workers(rig, options.workers)
        readers = Readers(rig.settings(), OWNERS, rig.recorder)
        senders = Senders(rig, workers, PHOTOS, options.seed)
        soak = Soak(rig, workers, readers, senders, options.seed, options.rate, HIDDEN, console)
        soak.run(60 * options.minutes)
        return report.rows(soak, rig.tally())


def _rig(stack: ExitStack) -> FaultRig:
    """Start the services, and a queue with a short visibility timeout."""
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    services = stack.enter_context(Services(folder))
    for name in [name for name in os.environ if name.startswith(("AWS_", "WORKER_"))]:
        del os.environ[name]
    os.environ.update(services.environment())
    environment = {**services.environment(), "WORKER_MODEL": str(MODEL)}
    rig = FaultRig(
        services,
        LOGS,
        environment,
        name="soak",
        visibility_timeout=HIDDEN,
        max_receives=RECEIVES,
        reading=READING,
        itself=True,
        image_id_pattern=PATTERN,
        result_key="result:{owner}:{image_id}",
    )
    rig.version("Enabled")
    stack.callback(rig.close)
    return rig


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="how long faults happen (default 2)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rate", type=float, default=5.0, help="photos a second (default 5)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
