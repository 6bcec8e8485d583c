"""The test bed of the fault tests and of `make soak`: proxies that break things, and the accounting at the end."""

import hashlib
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.photos import as_upload
from localstack.faults.gateway import Gateway
from localstack.services import HOST, Services
from localstack.worker_process import WorkerProcess
from tests.support import bodies
from tests.support.faults.audit import Audit, image_ids, name_of
from tests.support.faults.recorder import Recorder, impatient, photo_of
from tests.support.faults.tally import Tally
from tests.support.faults.valkey import Valkey
from tests.support.faults.wire import Wire
from tests.support.history.events import Deleted, Put
from tests.support.history.judge import PATIENCE as READING
from tests.support.rig import Rig, as_variables
from tests.support.waiting import eventually
from worker.messages import S3Object

PATIENCE = 90.0  # seconds until all must be settled
ANNOUNCED = 3.0  # seconds after an upload by which its message is in the queue
LONGEST_HIDDEN = 43_200  # seconds: SQS's limit of a visibility timeout


class FaultRig(Rig):
    """A rig whose bucket announces uploads, whose Redis is its own, and whose workers can be cut off from all of it."""

    def __init__(
        self,
        services: Services,
        folder: Path,
        environment: Mapping[str, str],
        *,
        name: str,
        visibility_timeout: int = 4,
        max_receives: int = 5,
        reading: float = READING,
        itself: bool = False,
        **fixed: str,
    ) -> None:
        """`reading`: seconds that a reader may wait for what is stored.

        `fixed`: settings of all workers. `itself`: the rig announces uploads in S3's place, with versions
        and sequencers as AWS gives them.
        """
        self.valkey = Valkey(folder)
        direct = {**environment, "WORKER_REDIS_URL": f"redis://{HOST}:{self.valkey.port}/0"}
        direct |= as_variables(fixed)
        super().__init__(
            name, direct, folder, visibility_timeout=visibility_timeout, max_receives=max_receives
        )
        self.recorder = Recorder(self.valkey)
        self.audit = Audit(impatient(self.valkey.port), self.recorder.note_asked)
        self.gateway = Gateway(services.gateway_port, self.audit)
        self.wire = Wire(self.valkey.port)
        self.sent: list[str] = []  # names: image ids, each after its owner and a colon if it has one
        self.by_http: set[str] = set()  # names of those that were sent by HTTP
        self.bad: set[str] = set()  # those of them that may become dead letters: their own tries fail
        self.announced: dict[str, list[dict[str, Any]]] = {}  # photo → what the rig itself has announced
        self._dead: dict[str, str] = {}  # message → body
        self.settled_in = 0.0  # seconds the last account had to wait
        self.poison = 0  # messages sent that nobody can read
        self._reading, self._itself, self._puts = reading, itself, 0
        if not itself:
            self.announce_uploads()

    def settings(self, **changed: str) -> dict[str, str]:
        """Send workers through the proxies; `changed` are settings, e.g. `batch_size="8"`."""
        own = {
            "redis_url": f"redis://{HOST}:{self.wire.port}/0",
            "redis_timeout": "0.5",
            "retry_delay": "1",
            "retry_delay_max": "2",
        }
        return {**super().settings(**{**own, **changed}), "AWS_ENDPOINT_URL": self.gateway.url}

    def start_worker(self, **changed: str) -> WorkerProcess:
        """Start a worker and wait until it polls."""
        worker = self.process(**changed)
        worker.wait_for("polling")
        return worker

    def add_bucket(self) -> str:
        """Make another bucket that announces its uploads on the same queue."""
        bucket = f"{self.bucket}-other"
        self.s3.create_bucket(Bucket=bucket)
        self.announce_uploads(bucket=bucket)
        return bucket

    def version(self, status: str) -> None:
        """Switch the bucket's versioning: Enabled or Suspended."""
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": status})

    def upload(
        self, number: int, photo: bytes, *, copies: bool = False, bad: bool = False, **place: str
    ) -> list[str]:
        """Upload a photo under new ids, as the API does. Each has other bytes, unless they are `copies`.

        Only `bad` ones may become dead letters. `place`: another `bucket` or `folder` than the usual one.
        """
        names = list[str]()
        for _ in range(number):
            image_id = str(uuid.uuid4())
            own = photo if copies else as_upload(photo, image_id)
            names.append(self.upload_as(image_id, own, bad=bad, **place))
        return names

    def upload_as(self, image_id: str, photo: bytes, *, bad: bool = False, **place: str) -> str:
        """Upload a photo under this id; its name."""
        name = name_of(f"{place.get('folder', 'uploads')}/{image_id}")
        self.sent.append(name)
        self.bad |= {name} if bad else set()
        self.put(image_id, photo, **place)
        return name

    def overwrite(self, name: str, photo: bytes) -> None:
        """Upload another photo under an old name: a second result is due."""
        self.store(self.bucket, key_of(name), photo)

    def delete(self, name: str) -> None:
        """Delete a photo's object."""
        self.s3.delete_object(Bucket=self.bucket, Key=key_of(name))
        self.recorder.events.append(Deleted(time.monotonic(), photo_of(name)))

    def store(self, bucket: str, key: str, photo: bytes) -> S3Object:
        """Put an object, and note it for the history."""
        begun, name = time.monotonic(), name_of(key)
        stored = super().store(bucket, key, photo)
        if name:
            named = replace(stored, sha256=hashlib.sha256(photo).hexdigest())
            self.recorder.events.append(Put(begun, photo_of(name), named))
        if self._itself:
            self._announce(name, stored)
        return stored

    def _announce(self, name: str, stored: S3Object) -> None:
        self._puts += 1
        version = {"versionId": stored.version_id} if stored.version_id else {}
        fields: dict[str, Any] = {"eTag": stored.etag, "size": stored.size, **version}
        fields["sequencer"] = f"{self._puts:016X}"
        body = bodies.notification(stored.bucket, stored.key, **fields)
        self.announced.setdefault(name, []).append(body)
        self.send(body)

    def announce(self, image_id: str, **fields: str) -> None:
        """Announce an object once more, as S3 does now and then; `fields` replace its own."""
        key = key_of(image_id)
        etag = self.s3.head_object(Bucket=self.bucket, Key=key)["ETag"].strip('"')
        self.send(bodies.notification(self.bucket, key, **{"eTag": etag, **fields}))

    def results(self) -> dict[str, Any]:
        """Every result, by image id."""
        return {key.removeprefix("result:"): result for key, result in self.stored().items()}

    def wait_for_results(self, number: int) -> None:
        """Wait for so many results."""
        eventually(lambda: len(self.results()) >= number, self.describe, PATIENCE)

    def dead(self) -> list[str]:
        """Return the bodies of all dead letters; they stay in the queue, hidden once they were read."""
        while answer := self.sqs.receive_message(
            QueueUrl=self.dead_url, MaxNumberOfMessages=10, VisibilityTimeout=LONGEST_HIDDEN
        ).get("Messages"):
            self._dead |= {message["MessageId"]: message["Body"] for message in answer}
        return list(self._dead.values())

    def settles(
        self, *, dead: int = 0, patience: float = PATIENCE, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        """Wait until the queue is empty, with `dead` dead letters or more, and each photo has come to something.

        S3 announces an upload a moment later, so the queue must stay empty for ANNOUNCED seconds otherwise.
        """
        empty_since: list[float] = []

        def is_quiet() -> bool:
            meanwhile()
            letters = self.left(self.dead_url)
            if self.left() > 0 or letters < dead:
                empty_since.clear()
                return False
            empty_since.append(time.monotonic())
            are_seen = len(self.results().keys() & {*self.sent}) + letters >= len(self.sent)
            return are_seen or empty_since[-1] - empty_since[0] > ANNOUNCED

        eventually(is_quiet, self.describe, patience)

    def account(self, *, dead: int = 0, patience: float = PATIENCE) -> None:
        """Wait until the queue is empty, then check what became of everything that was sent.

        Every version of every photo must be written exactly once, except the `dead` letters expected.
        """
        begun = time.monotonic()
        self.settles(dead=dead, patience=patience)
        self.settled_in = time.monotonic() - begun
        complaints = self.tally().complaints(dead)
        assert not complaints, "\n".join([*complaints, self.describe()])

    def tally(self) -> Tally:
        """Count what was sent and what came of it."""
        results, dead = self.results(), self.dead()
        statuses = Counter(result["status"] for name, result in results.items() if name in {*self.sent})
        buried = {image_id for body in dead for image_id in image_ids(body)}
        return Tally(
            sent=len(self.sent),
            statuses=statuses,
            dead=dead,
            lost=[i for i in self.sent if i not in results and i not in buried],
            history=self.recorder.complaints({*self.sent, *self.by_http}, buried, self._reading),
            both=sorted(buried & set(results)),
            harmed=[i for i in self.sent if i in buried and i not in self.bad],
            violations=[
                *self.audit.violations,
                *(f"{i}: deleted, no result" for i in self.audit.unwritten()),
                *(["writes went unseen"] if self.recorder.gaps > len(self.valkey.killed_at) else []),
            ],
        )

    def failed_good(self) -> list[str]:
        """Find the photos with a `failed` result though nothing is wrong with them."""
        failed = {image_id for image_id, result in self.results().items() if result["status"] == "failed"}
        return sorted(failed.difference(self.bad))

    def describe(self) -> str:
        """Describe what is where, for a wait that fails."""
        results = self.results()
        waiting = [image_id for image_id in self.sent if image_id not in results]
        queues = f"queue {self.left()}, dead letters {self.left(self.dead_url)}"
        logs = "\n".join(f"{w.pid}: {dict(w.counts())}" for w in self.workers)
        return (
            f"{queues}, results {len(results)}, none for {waiting}\naudit: {dict(self.audit.counts)}\n{logs}"
        )

    def close(self) -> None:
        """Kill the workers that are left, then end proxies and Redis."""
        super().close()
        for one in (self.gateway, self.recorder, self.wire, self.valkey):
            one.close()


def key_of(name: str) -> str:
    """The key of an upload, by the name of its photo."""
    return f"uploads/{name.replace(':', '/')}.jpg"
