"""A corner of the real services with faults to order, and the accounting that every fault test ends with."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bench.photos import as_upload
from localstack.services import Services
from localstack.worker_process import WorkerProcess
from tests.support import bodies
from tests.support.faults.audit import Audit, image_ids
from tests.support.faults.gateway import Gateway
from tests.support.faults.valkey import HOST, Valkey
from tests.support.faults.wire import Wire
from tests.support.stand import Stand, eventually

PATIENCE = 90.0  # seconds until all must be settled
ANNOUNCED = 3.0  # seconds after an upload by which its message is in the queue
HIDDEN_MOST = 43_200  # seconds: SQS's limit of a visibility timeout


class Writes:
    """Counts every write of a result: each is published once. `gaps` says how often it could not listen."""

    def __init__(self, store: Valkey) -> None:
        self.counts: Counter[str] = Counter()
        self.gaps = 0
        self._store = store
        self._ended = threading.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        eventually(self._listening.is_set)

    def close(self) -> None:
        """Stop listening."""
        self._ended.set()
        self._thread.join(5)

    def _listen(self) -> None:
        while not self._ended.is_set():
            try:
                self._receive()
            except (redis.RedisError, OSError):  # the store is killed now and then
                self.gaps += self._listening.is_set()
                self._listening.clear()

    def _receive(self) -> None:
        client = impatient(self._store.port)
        with client.pubsub(ignore_subscribe_messages=True) as messages:  # type: ignore[no-untyped-call] # redis-py's
            messages.psubscribe("result:*")
            while not self._ended.is_set():
                message = messages.get_message(timeout=0.2)
                self._listening.set()
                if message:
                    self.counts[message["channel"].removeprefix("result:")] += 1


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of all that was sent."""

    sent: int
    statuses: Mapping[str, int]  # of results
    dead: Sequence[str]  # bodies
    lost: Sequence[str]  # images with neither a result nor a dead letter
    doubled: Mapping[str, int]  # images with more results written than versions uploaded
    outdated: Sequence[str]  # images whose result is not of what was uploaded last
    both: Sequence[str]  # images with a result whose message is a dead letter too
    violations: Sequence[str]  # what the audit has seen

    def complaints(self, expected_dead: int) -> list[str]:
        """Everything that must not be, in words."""
        found = {
            "neither a result nor a dead letter": self.lost,
            "written more than once": self.doubled,
            "not the newest photo's result": self.outdated,
            "a result and a dead letter": self.both,
            "a promise broken on the wire": self.violations,
        }
        complaints = [f"{what}: {which}" for what, which in found.items() if which]
        if len(self.dead) != expected_dead:
            complaints.append(f"{len(self.dead)} dead letters, not {expected_dead}: {self.dead}")
        return complaints


class Rig:
    """A bucket that announces uploads on a queue of its own; workers reach all of it through what can be broken.

    `hidden` is the queue's visibility timeout in seconds, `receives` after how many a message is a dead letter.
    """

    def __init__(
        self,
        services: Services,
        folder: Path,
        environment: Mapping[str, str],
        *,
        name: str,
        hidden: int = 4,
        receives: int = 5,
    ) -> None:
        self._folder = folder
        self.valkey = Valkey(folder)
        direct = {**environment, "WORKER_REDIS_URL": f"redis://{HOST}:{self.valkey.port}/0"}
        self.stand = Stand(name, direct, hidden=hidden, receives=receives)
        self.audit = Audit(impatient(self.valkey.port))
        self.gateway = Gateway(services.gateway_port, self.audit)
        self.wire = Wire(self.valkey.port)
        self.writes = Writes(self.valkey)
        self.sent: list[str] = []  # image ids
        self.etags: dict[str, list[str]] = {}  # image → its versions
        self._dead: dict[str, str] = {}  # message → body
        self.settled_in = 0.0  # seconds the last account had to wait
        self.poison = 0  # messages sent that nobody can read
        self.workers: list[WorkerProcess] = []
        self.stand.announce_uploads()

    def worker(self, **changed: str) -> WorkerProcess:
        """Start a worker and wait until it polls."""
        worker = self.starting(**changed)
        worker.wait_for("polling")
        return worker

    def starting(self, *, program: str = "", **changed: str) -> WorkerProcess:
        """Start a worker, or a program in its place."""
        environment = {
            **self.stand.environment,
            "AWS_ENDPOINT_URL": self.gateway.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "WORKER_REDIS_URL": f"redis://{HOST}:{self.wire.port}/0",
            "WORKER_REDIS_TIMEOUT": "0.5",
            "WORKER_RETRY_DELAY": "1",
            "WORKER_RETRY_DELAY_MAX": "2",
            **{f"WORKER_{name.upper()}": value for name, value in changed.items()},
        }
        log = self._folder / f"worker-{len(self.workers) + 1}.log"
        self.workers.append(WorkerProcess(log, environment=environment, program=program))
        return self.workers[-1]

    def upload(self, number: int, photo: bytes, *, copies: bool = False) -> list[str]:
        """Upload a picture under new ids, as the API does; each with bytes of its own unless they are `copies`."""
        ids = [str(uuid.uuid4()) for _ in range(number)]
        self.sent += ids
        for image_id in ids:
            body = photo if copies else as_upload(photo, image_id)
            self.etags[image_id] = [self.stand.put(image_id, body)]
        return ids

    def overwrite(self, image_id: str, photo: bytes) -> None:
        """Upload another photo under an id of before: a second result is due."""
        self.etags[image_id].append(self.stand.put(image_id, photo))

    def announce(self, image_id: str, **fields: str) -> None:
        """Announce an object once more, as S3 does now and then; with other `fields` than it has, if given."""
        key = f"uploads/{image_id}.jpg"
        etag = self.stand.s3.head_object(Bucket=self.stand.bucket, Key=key)["ETag"].strip('"')
        self.stand.send(bodies.notification(self.stand.bucket, key, **{"eTag": etag, **fields}))

    def results(self) -> dict[str, Any]:
        """Every result, by image id."""
        return {key.removeprefix("result:"): result for key, result in self.stand.stored().items()}

    def scored(self, number: int) -> None:
        """Wait until so many results are there."""
        eventually(lambda: len(self.results()) >= number, self.describe, PATIENCE)

    def dead(self) -> list[str]:
        """Bodies of all dead letters; they stay where they are, hidden once they were read."""
        while answer := self.stand.sqs.receive_message(
            QueueUrl=self.stand.dead_url, MaxNumberOfMessages=10, VisibilityTimeout=HIDDEN_MOST
        ).get("Messages"):
            self._dead |= {message["MessageId"]: message["Body"] for message in answer}
        return list(self._dead.values())

    def settles(
        self, *, dead: int = 0, patience: float = PATIENCE, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        """Wait until the queue is empty, with so many dead letters at least, and all that was sent can be seen.

        S3 announces an upload a moment after it: an empty queue says nothing unless it stays so.
        """
        empty_since: list[float] = []

        def is_quiet() -> bool:
            meanwhile()
            letters = self.stand.left(self.stand.dead_url)
            if self.stand.left() > 0 or letters < dead:
                empty_since.clear()
                return False
            empty_since.append(time.monotonic())
            are_seen = len(self.results()) + letters >= len(self.sent)
            return are_seen or empty_since[-1] - empty_since[0] > ANNOUNCED

        eventually(is_quiet, self.describe, patience)

    def account(self, *, dead: int = 0, patience: float = PATIENCE) -> None:
        """Hold the promise: wait until the queue is empty, then compare what was sent with what came of it.

        Every version of every photo was written exactly once, except `dead` letters, which are expected.
        """
        begun = time.monotonic()
        self.settles(dead=dead, patience=patience)
        self.settled_in = time.monotonic() - begun
        complaints = self.tally().complaints(dead)
        assert not complaints, "\n".join([*complaints, self.describe()])

    def tally(self) -> "Tally":
        """Count what was sent and what came of it."""
        results, dead = self.results(), self.dead()
        buried = {image_id for body in dead for image_id in image_ids(body)}
        writes = self.writes.counts
        return Tally(
            sent=len(self.sent),
            statuses=Counter(result["status"] for result in results.values()),
            dead=dead,
            lost=[i for i in self.sent if i not in results and i not in buried],
            doubled={i: writes[i] for i in writes if writes[i] > len(self.etags.get(i, []))},
            outdated=[i for i, result in results.items() if self._is_outdated(i, result)],
            both=sorted(buried & set(results)),
            violations=[
                *self.audit.violations,
                *(f"{i}: deleted, no result" for i in self.audit.unwritten()),
                *(["writes went unseen"] if self.writes.gaps > self.valkey.restarts else []),
            ],
        )

    def _is_outdated(self, image_id: str, result: Mapping[str, Any]) -> bool:
        """A failed result may be of an object that is gone; then it has no version."""
        return bool(result["status"] != "failed" and result["source"]["etag"] != self.etags[image_id][-1])

    def describe(self) -> str:
        """What there is, for a failed wait."""
        results = self.results()
        waiting = [image_id for image_id in self.sent if image_id not in results]
        queues = f"queue {self.stand.left()}, dead letters {self.stand.left(self.stand.dead_url)}"
        logs = "\n".join(f"{w.pid}: {dict(w.counts())}" for w in self.workers)
        return (
            f"{queues}, results {len(results)}, none for {waiting}\naudit: {dict(self.audit.counts)}\n{logs}"
        )

    def finish(self) -> None:
        """End workers that are left, and all that is ours."""
        ending: list[Callable[[], None]] = [w.kill for w in self.workers if not w.has_ended()]
        for end in [*ending, self.gateway.close, self.writes.close, self.wire.close, self.valkey.close]:
            end()
        self.stand.close()


def impatient(port: int) -> "redis.Redis":
    """Connect to a store that is broken now and then: an answer or an error within a second, and no retries."""
    return redis.Redis(
        host=HOST,
        port=port,
        decode_responses=True,
        socket_timeout=0.5,
        socket_connect_timeout=0.5,
        retry=Retry(NoBackoff(), 0),
    )
