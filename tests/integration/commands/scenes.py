"""What each command is tried on: a scene prepares it, runs it behind a guard, and says whether it did its job."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.integration.commands.guard import Guard
from tests.support import bodies, photos
from tests.support.dead_letters import bury, new_id, upload
from tests.support.results import make_result
from tests.support.rig import Rig
from tests.support.waiting import eventually
from worker.adapters.aws.model_bucket import ModelBucket
from worker.inference.delivery.publishing import publish

PREFIX = "models/meals/"
BUNDLE = """
format = 1
name = "meals"
[input]
height = 32
width = 32
fit = "crop"
[outputs]
score = "score"
"""


@dataclass(frozen=True, slots=True)
class Operator:
    """Runs commands whose calls of AWS pass the guard. The rig itself calls beside it."""

    rig: Rig
    guard: Guard

    @property
    def models(self) -> str:
        """The bucket of the models."""
        return f"{self.rig.name}-models"

    @property
    def model_url(self) -> str:
        """Where the model is, or will be."""
        return f"s3://{self.models}/{PREFIX}"

    def bundle(self) -> Path:
        """Write a model that nobody runs, and make the bucket for it."""
        self.rig.s3.create_bucket(Bucket=self.models)
        folder = self.rig.folder / "meals" / "1"
        folder.mkdir(parents=True)
        (folder / "bundle.toml").write_text(BUNDLE)
        (folder / "saved_model.pb").write_bytes(b"a graph")
        return folder.parent


def look_at_dead_letters(operator: Operator) -> bool:
    rig = operator.rig
    rig.s3.put_bucket_versioning(Bucket=rig.bucket, VersioningConfiguration={"Status": "Enabled"})
    version = rig.store(rig.bucket, f"uploads/{new_id()}.jpg", photos.coffee())
    versioned = bodies.notification(rig.bucket, version.key, versionId=version.version_id)
    gone = bodies.notification(rig.bucket, f"uploads/{new_id()}.jpg")
    bury(rig, upload(rig, photos.coffee()), versioned, gone)
    code, out, err = rig.run("dead-letters", "--json")
    found = sorted(json.loads(line)["code"] for line in out.splitlines())
    return code == 0 and found == ["nothing_wrong", "nothing_wrong", "object_gone"] and "hidden" not in err


def move_dead_letters_back(operator: Operator) -> bool:
    rig = operator.rig
    bury(rig, "a letter")
    code, _, _ = rig.run("dead-letters", "redrive")
    if code == 0:
        eventually(lambda: (rig.left(), rig.left(rig.dead_url)) == (1, 0), rig.counts)
    return code == 0


def stop_a_move(operator: Operator) -> bool:
    rig = operator.rig
    bury(rig, *(f"letter {number}" for number in range(20)))  # at one a second they outlast the command
    arn = rig.sqs.get_queue_attributes(QueueUrl=rig.dead_url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    rig.sqs.start_message_move_task(SourceArn=arn, MaxNumberOfMessagesPerSecond=1)
    code, _, err = rig.run("dead-letters", "cancel")
    return code == 0 and "cancelled after" in err


def delete_a_dead_letter(operator: Operator) -> bool:
    rig = operator.rig
    bury(rig, "a letter", "another that comes with it and must be visible again")
    letter, *_ = rig.sqs.receive_message(QueueUrl=rig.dead_url, VisibilityTimeout=0)["Messages"]
    code, _, err = rig.run("dead-letters", "delete", letter["MessageId"], "--yes")
    return code == 0 and rig.left(rig.dead_url) == 1 and "hidden" not in err


def forget(operator: Operator) -> bool:
    result = make_result(new_id())
    operator.rig.redis.set(f"result:{result.image_id}", result.model_dump_json())
    code, out, _ = operator.rig.run("forget", result.image_id)
    return code == 0 and "forgotten" in out and not operator.rig.stored()


def rehash(operator: Operator) -> bool:
    rig = operator.rig
    publish(operator.bundle(), operator.model_url, ModelBucket())
    rig.put(new_id(), photos.coffee())
    code, out, _ = rig.run("rehash", model=operator.model_url, model_cache=str(rig.folder / "cache"))
    return code == 0 and "1 entered" in out


def compare(operator: Operator) -> bool:
    result = make_result(new_id())
    operator.rig.redis.set(f"result:{result.image_id}", result.model_dump_json())
    operator.rig.redis.set(f"old:{result.image_id}", json.dumps({"rating": {"stars": 1}}))
    code, out, _ = operator.rig.run("compare", "old:{image_id}", "--score", "rating.stars")
    return code == 0 and "1 photos compared" in out


def publish_model(operator: Operator) -> bool:
    folder = str(operator.bundle())
    code, _, _ = operator.rig.run("publish-model", folder, operator.model_url, "--no-translation")
    return code == 0


SCENES: dict[str, Callable[[Operator], bool]] = {
    "dead-letters": look_at_dead_letters,
    "dead-letters redrive": move_dead_letters_back,
    "dead-letters cancel": stop_a_move,
    "dead-letters delete": delete_a_dead_letter,
    "forget": forget,
    "rehash": rehash,
    "compare": compare,
    "publish-model": publish_model,
}
