"""Tests of `python -m worker dead-letters` on a real dead-letter queue: what it finds out about each letter."""

import json
import subprocess
import sys
from typing import Any

import pytest

from localstack.playground.photos import samples
from tests.support import ROOT, bodies, photos
from tests.support.dead_letters import bury, new_id, upload
from tests.support.rig import Rig
from tests.support.waiting import eventually
from worker.adapters.aws.dead_letters import DeadLetterQueue
from worker.commands.dead_letter_list import read
from worker.errors import QueueError
from worker.upkeep.dead_letters import Letter


def list_letters(rig: Rig, *arguments: str, **changed: str) -> list[dict[str, Any]]:
    """Run the command and read its JSON."""
    code, out, err = rig.run("dead-letters", "--json", *arguments, **changed)
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


def visible(rig: Rig) -> int:
    answer = rig.sqs.get_queue_attributes(
        QueueUrl=rig.dead_url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def test_the_reason_of_each_letter_is_found_by_reading_it_again(rig: Rig) -> None:
    gone = bodies.notification(rig.bucket, f"uploads/{new_id()}.jpg")
    letters = {
        "unknown_body": "no JSON",
        "no_image_id": bodies.notification(rig.bucket, "uploads/menu.jpg"),
        "foreign_bucket": bodies.notification("another-bucket", f"uploads/{new_id()}.jpg"),
        "ignored": {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": rig.bucket},
        "object_gone": gone,
        "empty_object": upload(rig, b""),
        "unsupported_format": upload(rig, b"%PDF-1.4 of a menu"),
        "unreadable_image": upload(rig, photos.truncated()),
        "too_many_pixels": upload(rig, samples.bomb()),
        "too_many_bytes": upload(rig, photos.coffee("PNG") + b"\0" * 100_000),
        "nothing_wrong": upload(rig, photos.coffee()),
    }
    bury(rig, *letters.values())
    found = list_letters(rig, max_bytes="200000")
    sent = {code: body if isinstance(body, str) else json.dumps(body) for code, body in letters.items()}
    bodies_of = {m["MessageId"]: m["Body"] for m in receive_all(rig)}
    assert {bodies_of[one["message_id"]]: one["code"] for one in found} == {b: c for c, b in sent.items()}
    most_serious = {one["code"]: one for one in found}
    assert most_serious["object_gone"]["records"][0]["key"] == gone["Records"][0]["s3"]["object"]["key"]
    assert "another-bucket" in most_serious["foreign_bucket"]["reason"]
    remedies = {one["remedy"]: set[str]() for one in found}
    assert set(remedies) == {"delete", "redrive", "mend"}
    assert all(
        one["sent_at"] and one["first_received_at"] and one["from"].endswith(rig.name) for one in found
    )


def receive_all(rig: Rig) -> list[dict[str, Any]]:
    """Receive every message of the dead-letter queue."""
    messages: list[dict[str, Any]] = []
    while answer := rig.sqs.receive_message(QueueUrl=rig.dead_url, MaxNumberOfMessages=10).get("Messages"):
        messages += answer
    return messages


def test_nothing_is_consumed_and_every_letter_is_visible_again_at_once(rig: Rig) -> None:
    bury(rig, *(f"letter {number}" for number in range(23)))
    assert len(list_letters(rig)) == 23
    assert visible(rig) == 23
    assert len(list_letters(rig, "--limit", "12")) == 12
    assert visible(rig) == 23
    assert rig.left() == 0


class InterruptedQueue(DeadLetterQueue):
    """The third receive raises `end`."""

    end: BaseException
    receives = 0

    def receive(self, most: int) -> list[Letter]:
        self.receives += 1
        if self.receives == 3:
            raise self.end
        return super().receive(most)


@pytest.mark.parametrize("end", [KeyboardInterrupt(), QueueError("away")], ids=["Ctrl-C", "error"])
def test_an_interrupted_read_leaves_no_letter_hidden(rig: Rig, end: BaseException) -> None:
    bury(rig, *(f"letter {number}" for number in range(25)))
    queue = InterruptedQueue.of(rig.queue_url)
    queue.end = end
    with pytest.raises(type(end)):
        read(queue, 100)
    assert queue.receives == 3
    assert visible(rig) == 25


def test_a_letter_whose_photo_was_scored_meanwhile_can_be_deleted(rig: Rig) -> None:
    body = upload(rig, photos.coffee())
    bury(rig, body)
    assert [one["code"] for one in list_letters(rig)] == ["nothing_wrong"]
    rig.send(body)
    with rig.worker():
        eventually(lambda: len(rig.stored()) == 1)
        rig.settles(dead=1)
    (letter,) = list_letters(rig)
    assert (letter["code"], letter["remedy"]) == ("already_scored", "delete")


def test_a_direct_request_is_recognised_as_scored_after_reading_its_object(rig: Rig) -> None:
    image_id = new_id()
    rig.put(image_id, photos.coffee())
    body = bodies.direct(rig.bucket, f"uploads/{image_id}.jpg")
    bury(rig, body)
    rig.send(body)
    with rig.worker():
        assert rig.result(image_id).status == "scored"
        rig.settles(dead=1)
    assert [one["code"] for one in list_letters(rig)] == ["already_scored"]


def test_the_most_serious_record_stands_for_the_letter(rig: Rig) -> None:
    image_id = new_id()
    rig.put(image_id, photos.coffee())
    keys = [f"uploads/{image_id}.jpg", "uploads/menu.jpg"]
    bury(rig, bodies.notification(rig.bucket, *keys))
    (letter,) = list_letters(rig)
    assert letter["code"] == "no_image_id"
    assert {one["key"]: one["code"] for one in letter["records"]} == dict(
        zip(keys, ["nothing_wrong", "no_image_id"], strict=True)
    )


def test_a_missing_bucket_is_not_a_missing_photo(rig: Rig) -> None:
    bury(rig, bodies.notification(rig.bucket, f"uploads/{new_id()}.jpg"))
    rig.s3.delete_bucket(Bucket=rig.bucket)
    (letter,) = list_letters(rig)
    assert letter["code"] == "bucket_gone"
    assert "NoSuchBucket" in letter["reason"]


def test_without_redis_it_reports_all_but_what_was_scored_meanwhile(rig: Rig) -> None:
    bury(rig, upload(rig, photos.coffee()))
    code, out, err = rig.run("dead-letters", "--json", redis_url="redis://127.0.0.1:1/0")
    assert (code, json.loads(out)["code"]) == (0, "nothing_wrong")
    assert "Redis cannot be reached" in err


def test_the_table_shows_reason_and_advice_and_no_control_characters_of_strangers(rig: Rig) -> None:
    bury(rig, bodies.notification("evil\x1b[2Jbucket", "uploads/x.jpg"), "no JSON")
    code, out, err = rig.run("dead-letters")
    assert code == 0
    assert "foreign_bucket" in out
    assert "WORKER_BUCKETS" in out
    assert "\x1b" not in out
    assert "2 of about 2 dead letters" in err


def test_a_queue_without_a_redrive_policy_is_reported(rig: Rig) -> None:
    code, _, err = rig.run("dead-letters", queue_url=rig.dead_url)
    assert code == 2
    assert "has no redrive policy" in err


def test_the_command_never_imports_tensorflow(rig: Rig) -> None:
    program = (
        "import sys; from worker import cli; assert cli.main(['dead-letters']) == 0; "
        "sys.exit('tensorflow' in sys.modules or 'ai_edge_litert' in sys.modules)"
    )
    bury(rig, upload(rig, photos.coffee()))
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        env=rig.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_one_letter_is_deleted_and_no_other_but_only_if_somebody_is_sure(rig: Rig) -> None:
    bury(rig, "one", "two", "three")
    one, *others = (letter["message_id"] for letter in list_letters(rig))
    code, out, err = rig.run("dead-letters", "delete", one)
    assert (code, out) == (1, "")
    assert "say --yes" in err
    code, _, err = rig.run("dead-letters", "delete", "--yes", one)
    assert (code, err) == (0, f"worker dead-letters: deleted {one}\n")
    assert {letter["message_id"] for letter in list_letters(rig)} == set(others)
    code, _, err = rig.run("dead-letters", "delete", "--yes", one)
    assert (code, f"has no letter {one}" in err) == (1, True)
