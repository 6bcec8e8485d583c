"""`make soak`: a steady load of real photos on several workers while faults are drawn at random; the table at the end.

Exit code 1 unless every photo has exactly one result or is a dead letter, and no promise was broken on the wire.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from localstack.services import Services, ServicesError
from tests.faults.rig import Rig, Tally
from tests.soak.faults import FAULTS, Crew

ROOT = Path(__file__).parents[2]
OUT = ROOT / "bench-out"
MODEL = ROOT / "models" / "reference" / "built" / "reference"
PHOTOS = sorted((ROOT / "localstack" / "photos").glob("*.[jph]*"))
NO_PHOTO = b"%PDF-1.4 of a menu"
HIDDEN, RECEIVES = 16, 5  # the queue's visibility timeout in seconds, and its redrive policy
SETTLE = 240.0  # seconds: a poison message is received so many times before it is a dead letter
TICK = 0.25  # seconds between two uploads
LASTS, BETWEEN = (0.5, 8.0), (0.5, 4.0)  # seconds: shortest and longest
ONE_IN = 30  # uploads of which one is no photo
OK, FAILED, INTERRUPTED = 0, 1, 130


@dataclass(slots=True)
class Soak:
    """One run; everything drawn comes from one seeded generator."""

    rig: Rig
    crew: Crew
    chance: random.Random
    console: Console
    begun: float = field(default_factory=time.monotonic)
    peak: int = 0
    drawn: Counter[str] = field(default_factory=Counter)
    _pause: threading.Event = field(default_factory=threading.Event)

    def run(self, seconds: float, rate: float) -> None:
        """Load and faults for so long, then quiet until everything is settled."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._load(self.chance.uniform(*BETWEEN), rate)
            name = self.chance.choice(list(FAULTS))
            lasts = min(self.chance.uniform(*LASTS), max(0.0, end - time.monotonic()))
            self.drawn[name] += 1
            self._say(f"{name}, {lasts:.1f} s")
            with FAULTS[name](self.crew, self.chance):
                self._load(lasts, rate)
        self._say("no more faults; waiting until the queue is empty")
        self.rig.settles(patience=SETTLE)
        self.peak = max(self.peak, self.crew.peak_memory())
        self.crew.stop()

    def _load(self, seconds: float, rate: float) -> None:
        """Upload at a steady rate."""
        begun, sent = time.monotonic(), 0
        while (passed := time.monotonic() - begun) < seconds:
            while sent < passed * rate:
                self.rig.upload(1, self._photo())
                sent += 1
            self.peak = max(self.peak, self.crew.peak_memory())
            self._pause.wait(TICK)

    def _photo(self) -> bytes:
        return NO_PHOTO if self.chance.randrange(ONE_IN) == 0 else self.chance.choice(PHOTOS).read_bytes()

    def _say(self, what: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self.begun), 60)
        self.console.print(f"{minutes:3}:{seconds:02}  sent {len(self.rig.sent):5}  {what}", highlight=False)


def main() -> int:
    """Run, print the table, write it; the exit code."""
    options = _options()
    console = Console()
    console.print(f"seed {options.seed}, {options.workers} workers, {options.rate:g} photos/s")
    try:
        with ExitStack() as stack:
            rig = _rig(stack)
            crew = Crew(rig, options.workers)
            soak = Soak(rig, crew, random.Random(options.seed), console)
            soak.run(60 * options.minutes, options.rate)
            rows = _rows(soak, rig.tally())
    except ServicesError as error:
        console.print(str(error), style="red", markup=False)
        return FAILED
    except AssertionError as error:  # it did not settle, or a worker did not end
        console.print(f"with seed {options.seed}: {error}", style="red", markup=False, highlight=False)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    console.print(_table(rows))
    OUT.mkdir(exist_ok=True)
    (OUT / "soak.json").write_text(json.dumps({"seed": options.seed, **rows}, indent=2) + "\n")
    return FAILED if rows["lost"] or rows["doubled"] or rows["violations"] else OK


def _rig(stack: ExitStack) -> Rig:
    """Services, and a queue whose messages are hidden for seconds only."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    services = stack.enter_context(Services(folder / "services"))
    for name in [name for name in os.environ if name.startswith(("AWS_", "WORKER_"))]:
        del os.environ[name]
    os.environ.update(services.environment())
    environment = {**services.environment(), "WORKER_MODEL": str(MODEL)}
    rig = Rig(services, folder, environment, name="soak", hidden=HIDDEN, receives=RECEIVES)
    stack.callback(rig.finish)
    return rig


def _rows(soak: Soak, tally: Tally) -> dict[str, object]:
    audit = soak.rig.audit.counts
    return {
        "sent": tally.sent,
        "scored": tally.statuses.get("scored", 0) + tally.statuses.get("unrecognised", 0),
        "failed": tally.statuses.get("failed", 0),
        "dead-lettered": len(tally.dead),
        "poison messages sent": soak.rig.poison,
        "redelivered": audit["redelivered"],
        "lost": len(tally.lost),
        "doubled": len(tally.doubled),
        "violations": list(tally.violations),
        "faults": sum(soak.drawn.values()),
        "faults by kind": dict(soak.drawn),
        "exit codes of stopped workers": {str(code): times for code, times in soak.crew.ended.items()},
        "highest memory of a worker, MB": round(soak.peak / 1e6),
    }


def _table(rows: dict[str, object]) -> Table:
    table = Table(title="soak", show_header=False)
    for name, value in rows.items():
        table.add_row(name, str(value))
    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="how long faults are drawn (default 2)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rate", type=float, default=5.0, help="photos a second (default 5)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
