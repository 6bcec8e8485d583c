"""What the page costs the worker's own process, apart from the model, in a process of its own.

    python -m bench.door.page_cost

The worker's stages get 100 photos a second from a queue in memory. Photos are arrays already, and the
model is a simulated device: so nothing but the worker's own work takes CPU time, and the page's share
of it stands out. Without the page, with it, and with viewers take turns. Prints JSON.
"""

import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import ratios
from bench.accelerator.device import SimulatedDevice
from bench.accelerator.feeding import NOTHING, STOP, ReadyArrays
from bench.memory.queues import MemoryQueue, announcement
from bench.memory.stages import assemble
from bench.memory.stores import CountingStore, MemoryPhotos
from bench.processes import BenchError, Conversation
from bench.rig import MODEL
from localstack.services import free_port
from worker import settings
from worker.connections import utc_now
from worker.door.door import Door
from worker.door.page.snapshot import Snapshots
from worker.inference import bundle
from worker.pipeline.service_times import ServiceTimes
from worker.telemetry.counters import Telemetry
from worker.telemetry.log import set_up_logs

RATE = 100  # photos a second
ROUNDS, SECONDS = 7, 2.0  # short laps and many: what changes on the machine changes for neighbours alike
WARM_UP, SETTLE = 2.0, 0.3  # seconds; and between two laps
WITHIN = 10.0  # seconds for the viewers to come or go
OFF = "off"
TURNS = {OFF: 0, "no viewer": 0, "3 viewers": 3, "16 viewers": 16}  # the page is off in the first
FRAMES = 50  # that are timed

Row = dict[str, float]


@dataclass(frozen=True, slots=True)
class Shown:
    """A running worker, and its page."""

    telemetry: Telemetry
    page: Snapshots
    port: int
    store: CountingStore
    viewers: Conversation  # bench.door.viewers

    def lap(self, name: str, seconds: float) -> float:
        """CPU time of this process, as % of a core."""
        self.telemetry.watcher = None if name == OFF else self.page
        before = self._watch(TURNS[name])
        time.sleep(SETTLE)
        cpu, written, begun = time.process_time(), self.store.written, time.monotonic()
        time.sleep(seconds)
        used, photos, took = time.process_time() - cpu, self.store.written - written, time.monotonic() - begun
        if TURNS[name] and self._watch(TURNS[name]) == before:
            raise BenchError("no viewer has read anything")
        if photos < RATE * took / 2:
            raise BenchError(f"only {photos / took:.0f} photos/s were scored: this machine is too busy")
        return 100 * used / took

    def _watch(self, viewers: int) -> int:
        return int(self.viewers.ask({"port": self.port, "viewers": viewers}, WITHIN)["read"])

    def frame_ms(self) -> float:
        """Milliseconds for which making a frame holds up the door's loop: the most of some."""
        took = list[float]()
        for _ in range(FRAMES):
            begun = time.thread_time()
            json.dumps(self.page.frame())
            took.append(time.thread_time() - begun)
            time.sleep(1 / FRAMES)
        return 1000 * max(took)


def measure(rounds: int, seconds: float) -> dict[str, Any]:
    """Let all of TURNS take turns, `seconds` each. Raises BenchError."""
    rows = list[Row]()
    with running() as shown:
        names = list(TURNS)
        for number in range(rounds):
            first = number % len(names)
            laps = {name: shown.lap(name, seconds) for name in names[first:] + names[:first]}
            rows.append(costs(laps))
        shown.lap("3 viewers", 0.5)
        frame_ms = shown.frame_ms()
    return {
        "turns": ratios.medians(rows),
        "spread": ratios.spread(rows),
        "frame_ms": frame_ms,
        "every_round": rows,
    }


def costs(laps: Row) -> Row:
    """% of a core: of the turn without the page, and what each other of the same round takes beyond it."""
    return {name: laps[name] - (0.0 if name == OFF else laps[OFF]) for name in laps}


@contextmanager
def running() -> Iterator[Shown]:
    """Run a worker whose photos, model and store take no CPU time of their own."""
    port = free_port()
    chosen = {
        **NOTHING,
        "WORKER_MODEL": str(MODEL),
        "WORKER_DOOR_PORT": str(port),
        "WORKER_DOOR_PAGE": "view",
    }
    used = settings.load(chosen)
    device = SimulatedDevice(bundle.read(str(MODEL)), used.batch_size)
    queue, store = MemoryQueue(), CountingStore()
    telemetry = Telemetry()
    door = Door(used, telemetry, time.monotonic, utc_now)
    page = telemetry.watcher
    if not isinstance(page, Snapshots):
        raise BenchError("the door has no page")
    assembly, source = assemble(
        used,
        queue,
        MemoryPhotos([b"-"]),
        store,
        ReadyArrays(device.bundle.manifest.input.target),
        replicas=[(device,)],
        service_times=ServiceTimes(device.seconds_by_size),
        telemetry=telemetry,
    )
    pipeline, ending = assembly.pipeline(), threading.Event()
    page.pipeline, page.leases = assembly, lambda: source.in_flight
    sender = threading.Thread(target=send, args=(queue, ending))
    with (
        tempfile.TemporaryDirectory() as folder,
        Conversation(Path(folder) / "viewers.log", "bench.door.viewers") as viewers,
    ):
        door.listen()
        pipeline.start()
        sender.start()
        time.sleep(WARM_UP)
        yield Shown(telemetry, page, port, store, viewers)
        ending.set()
        sender.join()
        pipeline.cancel()
        pipeline.join(time.monotonic() + STOP)
        door.end()
    if pipeline.error or store.statuses["failed"]:
        raise BenchError(f"the stages did not run as expected: {pipeline.error!r}")


def send(queue: MemoryQueue, ending: threading.Event) -> None:
    """Send RATE photos a second, at even distances."""
    begun, number = time.monotonic(), 0
    while not ending.wait(max(0.0, begun + number / RATE - time.monotonic())):
        queue.send([announcement(number)])
        number += 1


def main() -> None:
    """Measure, and print what the page costs."""
    with Path(os.devnull).open("w") as nowhere:
        set_up_logs("json", "info", nowhere)  # lines are made as in production, and thrown away
        print(json.dumps(measure(ROUNDS, SECONDS)))


if __name__ == "__main__":
    main()
