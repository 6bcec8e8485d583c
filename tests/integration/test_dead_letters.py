"""`python -m worker dead-letters` on a real dead-letter queue: what it says of each letter, and moving them back.

LocalStack moves one letter after another at the wanted rate, tells how far it is, and cancels. It cannot show that the
caller needs the rights to receive, delete and send: it enforces none.
"""

import json
import signal
import subprocess
import sys
import uuid
from typing import Any

import pytest

from tests.support import ROOT, bodies, photos
from tests.support.rig import Rig
from tests.support.waiting import eventually
from worker.adapters.aws.dead_letters import DeadLetterQueue
from worker.commands.dead_letter_list import read
from worker.errors import QueueError
from worker.upkeep.dead_letters import Letter


def new_id() -> str:
    return str(uuid.uuid4())


def listed(rig: Rig, *arguments: str, **changed: str) -> list[dict[str, Any]]:
    """What is said of each letter, in JSON."""
    code, out, err = rig.run("dead-letters", "--json", *arguments, **changed)
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


def bury(rig: Rig, *sent: object) -> None:
    """Make dead letters of bodies the way SQS does: by receiving each too often."""
    before = rig.left(rig.dead_url)
    for body in sent:
        rig.send(body)

    def is_buried() -> bool:
        answer = rig.sqs.receive_message(QueueUrl=rig.queue_url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return not answer.get("Messages") and rig.left(rig.dead_url) == before + len(sent)

    eventually(is_buried, rig.counts)


def announced(rig: Rig, photo: bytes) -> dict[str, Any]:
    """Put a photo; the body of its notification."""
    image_id = new_id()
    etag = rig.put(image_id, photo)
    return bodies.notification(rig.bucket, f"uploads/{image_id}.jpg", eTag=etag)


def visible(rig: Rig) -> int:
    answer = rig.sqs.get_queue_attributes(
        QueueUrl=rig.dead_url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def test_the_reason_of_each_letter_is_found_by_trying_it(rig: Rig) -> None:
    gone = bodies.notification(rig.bucket, f"uploads/{new_id()}.jpg")
    letters = {
        "unknown_body": "no JSON",
        "no_image_id": bodies.notification(rig.bucket, "uploads/menu.jpg"),
        "foreign_bucket": bodies.notification("another-bucket", f"uploads/{new_id()}.jpg"),
        "ignored": {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": rig.bucket},
        "object_gone": gone,
        "empty_object": announced(rig, b""),
        "unsupported_format": announced(rig, b"%PDF-1.4 of a menu"),
        "unreadable_image": announced(rig, photos.truncated()),
        "too_many_pixels": announced(rig, photos.bomb()),
        "too_many_bytes": announced(rig, photos.coffee("PNG") + b"\0" * 100_000),
        "nothing_wrong": announced(rig, photos.coffee()),
    }
    bury(rig, *letters.values())
    found = listed(rig, max_bytes="200000")
    sent = {code: body if isinstance(body, str) else json.dumps(body) for code, body in letters.items()}
    bodies_of = {m["MessageId"]: m["Body"] for m in received(rig)}
    assert {bodies_of[one["message_id"]]: one["code"] for one in found} == {b: c for c, b in sent.items()}
    gravest = {one["code"]: one for one in found}
    assert gravest["object_gone"]["records"][0]["key"] == gone["Records"][0]["s3"]["object"]["key"]
    assert "another-bucket" in gravest["foreign_bucket"]["reason"]
    remedies = {one["remedy"]: set[str]() for one in found}
    assert set(remedies) == {"delete", "redrive", "mend"}
    assert all(
        one["sent_at"] and one["first_received_at"] and one["from"].endswith(rig.name) for one in found
    )


def received(rig: Rig) -> list[dict[str, Any]]:
    """Every message of the dead-letter queue, consumed by nobody yet."""
    messages: list[dict[str, Any]] = []
    while answer := rig.sqs.receive_message(QueueUrl=rig.dead_url, MaxNumberOfMessages=10).get("Messages"):
        messages += answer
    return messages


def test_nothing_is_consumed_and_all_can_be_seen_again_at_once(rig: Rig) -> None:
    bury(rig, *(f"letter {number}" for number in range(23)))
    assert len(listed(rig)) == 23
    assert visible(rig) == 23
    assert len(listed(rig, "--limit", "12")) == 12
    assert visible(rig) == 23
    assert rig.left() == 0


class Cut(DeadLetterQueue):
    """The third receive ends in what it was told to."""

    end: BaseException
    receives = 0

    def receive(self, most: int) -> list[Letter]:
        self.receives += 1
        if self.receives == 3:
            raise self.end
        return super().receive(most)


@pytest.mark.parametrize("end", [KeyboardInterrupt(), QueueError("away")], ids=["Ctrl-C", "error"])
def test_a_reading_that_is_cut_short_hides_no_letter(rig: Rig, end: BaseException) -> None:
    bury(rig, *(f"letter {number}" for number in range(25)))
    queue = Cut.of(rig.queue_url)
    queue.end = end
    with pytest.raises(type(end)):
        read(queue, 100)
    assert queue.receives == 3
    assert visible(rig) == 25


def test_a_letter_whose_photo_was_scored_meanwhile_is_said_to_be_needless(rig: Rig) -> None:
    body = announced(rig, photos.coffee())
    bury(rig, body)
    assert [one["code"] for one in listed(rig)] == ["nothing_wrong"]
    rig.send(body)
    with rig.worker():
        eventually(lambda: len(rig.stored()) == 1)
        rig.settles(dead=1)
    (letter,) = listed(rig)
    assert (letter["code"], letter["remedy"]) == ("already_scored", "delete")


def test_a_direct_request_is_known_to_be_scored_once_its_object_was_read(rig: Rig) -> None:
    image_id = new_id()
    rig.put(image_id, photos.coffee())
    body = bodies.direct(rig.bucket, f"uploads/{image_id}.jpg")
    bury(rig, body)
    rig.send(body)
    with rig.worker():
        assert rig.result(image_id).status == "scored"
        rig.settles(dead=1)
    assert [one["code"] for one in listed(rig)] == ["already_scored"]


def test_of_several_records_the_gravest_speaks_for_the_letter(rig: Rig) -> None:
    image_id = new_id()
    rig.put(image_id, photos.coffee())
    keys = [f"uploads/{image_id}.jpg", "uploads/menu.jpg"]
    bury(rig, bodies.notification(rig.bucket, *keys))
    (letter,) = listed(rig)
    assert letter["code"] == "no_image_id"
    assert {one["key"]: one["code"] for one in letter["records"]} == dict(
        zip(keys, ["nothing_wrong", "no_image_id"], strict=True)
    )


def test_a_bucket_that_is_gone_is_trouble_with_s3_and_not_a_photo_that_is_gone(rig: Rig) -> None:
    bury(rig, bodies.notification(rig.bucket, f"uploads/{new_id()}.jpg"))
    rig.s3.delete_bucket(Bucket=rig.bucket)
    (letter,) = listed(rig)
    assert letter["code"] == "storage_trouble"
    assert "NoSuchBucket" in letter["reason"]


def test_without_redis_all_but_what_was_scored_meanwhile_is_told(rig: Rig) -> None:
    bury(rig, announced(rig, photos.coffee()))
    code, out, err = rig.run("dead-letters", "--json", redis_url="redis://127.0.0.1:1/0")
    assert (code, json.loads(out)["code"]) == (0, "nothing_wrong")
    assert "Redis cannot be reached" in err


def test_the_table_shows_reason_and_what_to_do_and_no_control_characters_of_strangers(rig: Rig) -> None:
    bury(rig, bodies.notification("evil\x1b[2Jbucket", "uploads/x.jpg"), "no JSON")
    code, out, err = rig.run("dead-letters")
    assert code == 0
    assert "foreign_bucket" in out
    assert "WORKER_BUCKETS" in out
    assert "\x1b" not in out
    assert "2 of about 2 dead letters" in err


def test_a_queue_without_a_redrive_policy_is_said_in_one_line(rig: Rig) -> None:
    code, _, err = rig.run("dead-letters", queue_url=rig.dead_url)
    assert code == 2
    assert "has no redrive policy" in err


def test_the_command_never_imports_tensorflow(rig: Rig) -> None:
    program = (
        "import sys; from worker import cli; assert cli.main(['dead-letters']) == 0; "
        "sys.exit('tensorflow' in sys.modules or 'ai_edge_litert' in sys.modules)"
    )
    bury(rig, announced(rig, photos.coffee()))
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


# redrive


def test_letters_that_are_moved_back_are_scored(rig: Rig) -> None:
    bury(rig, *(announced(rig, photos.coffee()) for _ in range(3)))
    code, _, err = rig.run("dead-letters", "redrive", "--wait", "--rate", "100")
    assert code == 0, err
    assert "moved 3" in err
    assert (rig.left(), rig.left(rig.dead_url)) == (3, 0)
    with rig.worker():
        eventually(lambda: len(rig.stored()) == 3, rig.counts)
        rig.settles()


@pytest.mark.parametrize("end", ["cancel", "interrupt"])
def test_a_move_keeps_its_rate_can_be_cancelled_and_outlives_the_command(rig: Rig, end: str) -> None:
    """At one a second, twenty letters take long enough to look at a running move."""
    bury(rig, *(f"letter {number}" for number in range(20)))
    first = rig.process("dead-letters", "redrive", "--rate", "1", "--wait")
    eventually(lambda: rig.left() > 0, rig.counts)
    code, _, err = rig.run("dead-letters", "redrive", "--no-wait")
    assert code == 1
    assert "a move is running already" in err
    assert "of 20 moved, 1 a second" in err
    if end == "interrupt":
        first.ask_to_stop(signal.SIGINT)
        assert first.wait() == 130
        assert "the move goes on" in first.output()
        moved = rig.left()
        eventually(lambda: rig.left() > moved, rig.counts)
    code, _, err = rig.run("dead-letters", "cancel")
    assert (code, "cancelled after" in err) == (0, True)
    if end == "cancel":
        assert first.wait() == 1
        assert "the move ended as CANCELLED" in first.output()
    eventually(lambda: rig.left() + rig.left(rig.dead_url) == 20, rig.counts)
    assert 0 < rig.left() < 20
    assert "Traceback" not in first.output()


def test_without_a_move_there_is_nothing_to_cancel(rig: Rig) -> None:
    code, _, err = rig.run("dead-letters", "cancel")
    assert (code, "no move is running" in err) == (0, True)


def test_a_letter_put_there_by_hand_fails_the_move_and_that_is_said(rig: Rig) -> None:
    """SQS does not know where it came from; on AWS the reason has another name."""
    rig.sqs.send_message(QueueUrl=rig.dead_url, MessageBody="by hand")
    code, _, err = rig.run("dead-letters", "redrive", "--wait")
    assert code == 1
    assert "the move ended as FAILED: " in err
    assert rig.left(rig.dead_url) == 1
