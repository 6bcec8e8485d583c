"""The workers of a soak test, on one queue. Each is replaced when it ends, as ECS does."""

import random
import signal
import time
from collections import Counter
from contextlib import suppress

import psutil

from localstack.services import free_port
from localstack.worker_process import WorkerProcess
from tests.support.faults import planting
from tests.support.faults.fault_rig import FaultRig

# An outage of minutes ends no worker.
SETTINGS = {"drain_deadline": "20", "give_up_after": "600", "decode_timeout": "3", "door_linger": "1"}
CONFIGURATION = 2  # exit code of a worker that starts while a service is away; another one is started


class Workers:
    """Kills, stops and freezes workers, and notices when one ends without being told to."""

    def __init__(self, rig: FaultRig, size: int) -> None:
        self._rig = rig
        self._ports: dict[WorkerProcess, int] = {}
        self._running = [self._start() for _ in range(size)]
        self._leaving: list[WorkerProcess] = []
        self._asleep: dict[WorkerProcess, float] = {}  # frozen until
        self.exit_codes: Counter[int] = Counter()  # of workers that were told to stop
        self.not_started = 0
        self.decoders_killed = 0
        self.crashed: list[str] = []  # ended without being told to
        self.peak = 0  # the most memory that a worker has had, in bytes
        for worker in self._running:
            worker.wait_for("polling")

    def tend(self) -> None:
        """Thaw workers whose time is up, replace those that have ended, note their memory."""
        now = time.monotonic()
        for worker in [worker for worker, until in self._asleep.items() if until <= now]:
            self._wake(worker)
        for worker in [worker for worker in self._running if worker.has_ended()]:
            self._note_end(worker)
            self._replace(worker)
        for worker in [worker for worker in self._leaving if worker.has_ended()]:
            self._note_stop(worker)
        self.peak = max([self.peak, *(worker.peak_memory() for worker in self._running)])

    def any_port(self, rng: random.Random) -> int:
        """Choose a worker's door. Thread-safe."""
        return self._ports[rng.choice([*self._running])]

    def kill_one(self, rng: random.Random) -> None:
        """Send SIGKILL to any worker, also a frozen one or one that still starts."""
        worker = rng.choice(self._running)
        worker.kill()
        self._asleep.pop(worker, None)
        self._replace(worker)

    def stop_one(self, rng: random.Random, *, hurried: bool = False) -> None:
        """Send SIGTERM, as ECS does when it replaces a task; `hurried` adds SIGINT."""
        worker = self._awake(rng)
        worker.ask_to_stop()
        if hurried:
            worker.ask_to_stop(signal.SIGINT)
        self._leaving.append(worker)
        self._replace(worker)

    def kill_decoder(self, rng: random.Random) -> None:
        """Send SIGKILL to any process that decodes photos."""
        decoders = [decoder for worker in self._running for decoder in worker.decoders()]
        with suppress(IndexError, psutil.NoSuchProcess):  # all workers start; or its worker has just ended
            rng.choice(decoders).kill()
            self.decoders_killed += 1

    def freeze_one(self, rng: random.Random, seconds: float) -> None:
        """Freeze a worker for so many seconds."""
        worker = self._awake(rng)
        worker.freeze()
        self._asleep[worker] = time.monotonic() + seconds

    def wake_all(self) -> None:
        """Thaw all workers that are frozen."""
        for worker in list(self._asleep):
            self._wake(worker)

    def stop(self) -> None:
        """Stop all workers at the end."""
        self.tend()
        for worker in self._running:
            worker.ask_to_stop()
        for worker in [*self._running, *self._leaving]:
            worker.wait()
            self._note_stop(worker)

    def _start(self) -> WorkerProcess:
        port = free_port()
        worker = self._rig.process(program=planting.WORKER, door_port=str(port), **SETTINGS)
        self._ports[worker] = port
        return worker

    def _awake(self, rng: random.Random) -> WorkerProcess:
        """Choose a worker that is not frozen; if all are, thaw one."""
        worker = rng.choice([w for w in self._running if w not in self._asleep] or self._running)
        self._wake(worker)
        return worker

    def _wake(self, worker: WorkerProcess) -> None:
        if self._asleep.pop(worker, None) is not None:
            worker.thaw()

    def _replace(self, worker: WorkerProcess) -> None:
        self._running[self._running.index(worker)] = self._start()

    def _note_end(self, worker: WorkerProcess) -> None:
        self._asleep.pop(worker, None)
        code = worker.wait()
        if code == CONFIGURATION and not worker.events("polling"):
            self.not_started += 1
        else:
            self.crashed.append(f"{worker.log.stem} ended with {code}")

    def _note_stop(self, worker: WorkerProcess) -> None:
        if worker in self._leaving:
            self._leaving.remove(worker)
        code = worker.wait()
        self.exit_codes[code] += 1
        if worker.events("stage_failed"):
            self.crashed.append(f"{worker.log.stem} failed while it stopped, with {code}")
