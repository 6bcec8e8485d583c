"""The workers of a soak: so many on one queue, each replaced when it ends, as an orchestrator does."""

import random
import signal
import time
from collections import Counter

from localstack.worker_process import WorkerProcess
from tests.support.faults.fault_rig import FaultRig

SETTINGS = {"drain_deadline": "20", "give_up_after": "120"}
CONFIGURATION = 2  # exit code of a worker that starts while a part it needs is away; the next one is tried


class Crew:
    """Kills, stops and freezes are ordered here, so that an end nobody ordered is noticed."""

    def __init__(self, rig: FaultRig, size: int) -> None:
        self._rig = rig
        self._running = [rig.process(**SETTINGS) for _ in range(size)]
        self._leaving: list[WorkerProcess] = []
        self._asleep: dict[WorkerProcess, float] = {}  # until when
        self.exit_codes: Counter[int] = Counter()  # of those that were told to stop
        self.not_started = 0
        self.crashed: list[str] = []  # ended for no reason of ours
        self.peak = 0  # most bytes that one of them has had
        for worker in self._running:
            worker.wait_for("polling")

    def tend(self) -> None:
        """Wake who has slept enough, replace who has ended, look at the memory."""
        now = time.monotonic()
        for worker in [worker for worker, until in self._asleep.items() if until <= now]:
            self._wake(worker)
        for worker in [worker for worker in self._running if worker.has_ended()]:
            self._note_end(worker)
            self._replace(worker)
        for worker in [worker for worker in self._leaving if worker.has_ended()]:
            self._note_stop(worker)
        self.peak = max([self.peak, *(worker.peak_memory() for worker in self._running)])

    def kill_one(self, chance: random.Random) -> None:
        """-9 for anyone, asleep or still starting too."""
        worker = chance.choice(self._running)
        worker.kill()
        self._asleep.pop(worker, None)
        self._replace(worker)

    def stop_one(self, chance: random.Random, *, hurried: bool = False) -> None:
        """SIGTERM, as ECS sends it when it replaces a task; somebody in a hurry presses Ctrl-C as well."""
        worker = self._awake(chance)
        worker.ask_to_stop()
        if hurried:
            worker.ask_to_stop(signal.SIGINT)
        self._leaving.append(worker)
        self._replace(worker)

    def freeze_one(self, chance: random.Random, seconds: float) -> None:
        """It stands still for so long and goes on by itself."""
        worker = self._awake(chance)
        worker.freeze()
        self._asleep[worker] = time.monotonic() + seconds

    def wake_all(self) -> None:
        """Whoever sleeps goes on."""
        for worker in list(self._asleep):
            self._wake(worker)

    def stop(self) -> None:
        """Stop all, at the end."""
        self.tend()
        for worker in self._running:
            worker.ask_to_stop()
        for worker in [*self._running, *self._leaving]:
            worker.wait()
            self._note_stop(worker)

    def _awake(self, chance: random.Random) -> WorkerProcess:
        """One that does not sleep; all sleep at once only by bad luck, then one is woken."""
        worker = chance.choice([w for w in self._running if w not in self._asleep] or self._running)
        self._wake(worker)
        return worker

    def _wake(self, worker: WorkerProcess) -> None:
        if self._asleep.pop(worker, None) is not None:
            worker.thaw()

    def _replace(self, worker: WorkerProcess) -> None:
        self._running[self._running.index(worker)] = self._rig.process(**SETTINGS)

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
