"""The three stages on small queues, stepped by hand, around a source, a store and models in memory."""

import io
import json
from collections.abc import Callable, Sequence
from typing import Literal

from PIL import Image

from tests.support.fakes import (
    ImpatientEvent,
    InlineDecoder,
    ManualClock,
    MemoryStore,
    PickyModel,
    ScriptedSource,
)
from worker import settings
from worker.assembly import Assembly, SecondWay
from worker.messages import Failed, Outcome, Scored, Upload
from worker.results.reuse import Reuse
from worker.telemetry.counters import Telemetry

IDS = [f"{n:08d}-0000-4000-8000-000000000000" for n in range(100)]


def make_settings(**values: object) -> settings.Settings:
    """Settings of a worker on the bucket `photos`, with limits that fit tiny photos."""
    required = {"queue_url": "https://sqs/queue", "buckets": ("photos",), "redis_url": "redis://store"}
    return settings.Settings.model_validate({**required, "helpers": 8, **values})


def body(*keys: str, bucket: str = "photos", sequencer: str | None = None) -> str:
    """An S3 notification with a record for each key."""
    more = {} if sequencer is None else {"sequencer": sequencer}
    records = [
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "eventTime": "2026-01-01T00:00:00.000Z",
            "s3": {
                "bucket": {"name": bucket},
                "object": {"key": key, "size": 5, "eTag": f"etag-of-{key}", **more},
            },
        }
        for key in keys
    ]
    return json.dumps({"Records": records})


def photo(red: int, blue: int = 0) -> bytes:
    """A photo that PickyModel scores by its red; another blue makes other bytes of it."""
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (red, 0, blue)).save(stream, "PNG")
    return stream.getvalue()


def answers(outcomes: Sequence[Outcome]) -> dict[str, int | str | None]:
    """Each photo's score, or the code of its error, by image id."""
    scores = {o.upload.photo.image_id: o.scores.score for o in outcomes if isinstance(o, Scored)}
    return scores | {o.upload.photo.image_id: o.error.code for o in outcomes if isinstance(o, Failed)}


class StageRig(Assembly):
    """Stages with `size` places in each queue."""

    source: ScriptedSource
    store: MemoryStore
    clock: ManualClock

    def __init__(
        self,
        source: ScriptedSource | None = None,
        *,
        size: int = 64,
        models: Sequence[PickyModel] | None = None,
        replicas: Sequence[Sequence[PickyModel]] | None = None,
        linger: float = 0.0,
        reuse: Reuse = "exact",
        thumbnails: Literal["auto", "off"] = "auto",
        buckets: Sequence[str] = ("photos",),
        store: MemoryStore | None = None,
        door: SecondWay | None = None,
        door_share: float = 0.5,
    ) -> None:
        self.clock, self.size = ManualClock(), size
        self.models = models or (replicas or [[PickyModel()]])[0]
        self.impatient = ImpatientEvent()
        super().__init__(
            make_settings(
                upload_queue=size,
                outcome_queue=size,
                decoders=2,
                reuse=reuse,
                embedded_thumbnails=thumbnails,
                buckets=buckets,
                door_share=door_share,
            ),
            source or ScriptedSource(),
            store or MemoryStore(),
            InlineDecoder(self.models[0].bundle.manifest.input.target, max_bytes=1000, max_pixels=100),
            replicas or [self.models],
            telemetry=Telemetry(),
            clock=self.clock,
            stopping=self.impatient,
            now=self.clock.now,
            chance=lambda: 0.0,
            linger=linger,
            door=door,
        )
        self.outcomes.cancelled = ImpatientEvent()
        self.poll.turns.careful = False  # as after the first message

    def _ready_places(self) -> int:
        return self.size

    def infer_all(self, *uploads: Upload) -> list[Outcome]:
        """Prepare and infer these; their outcomes."""
        for upload in uploads:
            self.uploads.put(upload)
            self.prepare.step()
        self.infer.steps[0]()
        return [self.outcomes.get(block=False) for _ in range(self.outcomes.qsize())]

    def commit_all(self, *uploads: Upload) -> None:
        """Take these through all stages."""
        for outcome in self.infer_all(*uploads):
            self.outcomes.put(outcome)
        self.commit.step()

    def slowly(self, seconds: float, call: Callable[..., object]) -> Callable[..., object]:
        """The same call, but time passes in it."""

        def slow(*given: object) -> object:
            self.clock.seconds += seconds
            return call(*given)

        return slow
