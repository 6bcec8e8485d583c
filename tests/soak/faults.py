"""The faults a soak draws from. Each begins, lasts, and ends; what it does to a worker, it does to one by chance."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.faults import gateway
from tests.faults.rig import Rig
from tests.faults.worker import WorkerProcess

BROKEN = ("no JSON", "{}", '{"Records": [{"eventVersion": "9.9"}]}')


class Crew:
    """So many workers on one queue, each replaced when it ends."""

    def __init__(self, rig: Rig, size: int) -> None:
        self.rig = rig
        self.ended: Counter[int] = Counter()  # exit codes of those that were told to stop
        self._settings = {"drain_deadline": "20", "give_up_after": "120"}
        self.running = [rig.starting(**self._settings) for _ in range(size)]
        for worker in self.running:
            worker.logs("polling")

    def replace(self, worker: WorkerProcess) -> None:
        """Start another in the place of one that has ended."""
        self.running[self.running.index(worker)] = self.rig.starting(**self._settings)

    def peak_memory(self) -> int:
        """Most bytes that one of those running has had."""
        return max((worker.peak_memory() for worker in self.running), default=0)

    def stop(self) -> None:
        """Stop all at the end."""
        for worker in self.running:
            worker.ask_to_stop()
        self.ended.update(worker.ends() for worker in self.running)


@contextmanager
def killed(crew: Crew, chance: random.Random) -> Iterator[None]:
    """kill -9."""
    worker = chance.choice(crew.running)
    worker.kill()
    crew.replace(worker)
    yield


@contextmanager
def stopped(crew: Crew, chance: random.Random) -> Iterator[None]:
    """SIGTERM, as ECS sends it."""
    worker = chance.choice(crew.running)
    worker.ask_to_stop()
    yield
    code = worker.ends()
    crew.ended[code] += 1
    crew.replace(worker)


@contextmanager
def frozen(crew: Crew, chance: random.Random) -> Iterator[None]:
    """Stand still, for longer than the visibility timeout or not."""
    worker = chance.choice(crew.running)
    worker.freeze()
    yield
    worker.thaw()


def broken(what: str, fault: gateway.Fault) -> "Fault":
    """A service, or one operation of it, fails."""

    @contextmanager
    def run(crew: Crew, _chance: random.Random) -> Iterator[None]:
        crew.rig.gateway.break_(what, fault)
        yield
        crew.rig.gateway.mend()

    return run


def store(begin: Callable[[Rig], None], end: Callable[[Rig], None]) -> "Fault":
    """Redis does not answer, or takes no writes."""

    @contextmanager
    def run(crew: Crew, _chance: random.Random) -> Iterator[None]:
        begin(crew.rig)
        yield
        end(crew.rig)

    return run


@contextmanager
def poison(crew: Crew, chance: random.Random) -> Iterator[None]:
    """A message nobody can read."""
    crew.rig.stand.send(chance.choice(BROKEN))
    crew.rig.poison += 1
    yield


@contextmanager
def announced_again(crew: Crew, chance: random.Random) -> Iterator[None]:
    """S3 announces photos of before a second time."""
    for image_id in chance.sample(crew.rig.sent, min(5, len(crew.rig.sent))):
        crew.rig.announce(image_id)
    yield


Fault = Callable[[Crew, random.Random], AbstractContextManager[None]]

FAULTS: dict[str, Fault] = {
    "worker killed": killed,
    "worker stopped": stopped,
    "worker frozen": frozen,
    "S3 answers 503": broken("s3.GetObject", gateway.unavailable),
    "S3 cuts photos short": broken("s3.GetObject", gateway.cut_short),
    "S3 is slow": broken("s3.GetObject", gateway.slow(2)),
    "S3 hangs": broken("s3.GetObject", gateway.hanging),
    "SQS answers 503": broken("sqs", gateway.unavailable),
    "SQS throttles": broken("sqs", gateway.throttled),
    "SQS breaks connections": broken("sqs", gateway.reset),
    "SQS hangs": broken("sqs", gateway.hanging),
    "SQS's answers to deletes are lost": broken("sqs.DeleteMessageBatch", gateway.answer_lost),
    "Redis refuses connections": store(lambda rig: rig.wire.set("refuse"), lambda rig: rig.wire.set("open")),
    "Redis says nothing": store(lambda rig: rig.wire.set("hang"), lambda rig: rig.wire.set("open")),
    "Redis is frozen": store(lambda rig: rig.valkey.freeze(), lambda rig: rig.valkey.thaw()),
    "Redis is read-only": store(
        lambda rig: rig.valkey.become_replica(), lambda rig: rig.valkey.become_primary()
    ),
    "Redis is full": store(lambda rig: rig.valkey.fill(), lambda rig: rig.valkey.make_room()),
    "Redis's connections break": store(lambda rig: rig.wire.cut(), lambda _: None),
    "poison message": poison,
    "announced again": announced_again,
}
