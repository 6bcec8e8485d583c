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

from tests.support import bodies, photos
from tests.support.stand import PATIENCE, ROOT, Stand, eventually
from worker.adapters.aws.dead_letters import DeadLetterQueue
from worker.commands.dead_letter_list import read
from worker.errors import QueueError
from worker.upkeep.dead_letters import Letter


def new_id() -> str:
    return str(uuid.uuid4())


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=3 * PATIENCE)
    assert "Traceback" not in err
    return process.returncode, out, err


def listed(stand: Stand, *arguments: str, **changed: str) -> list[dict[str, Any]]:
    """What is said of each letter, in JSON."""
    code, out, err = ended(stand.process("dead-letters", "--json", *arguments, **changed))
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


def bury(stand: Stand, *sent: object) -> None:
    """Make dead letters of bodies the way SQS does: by receiving each too often."""
    before = stand.left(stand.dead_url)
    for body in sent:
        stand.send(body)

    def is_buried() -> bool:
        answer = stand.sqs.receive_message(
            QueueUrl=stand.queue_url, MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        return not answer.get("Messages") and stand.left(stand.dead_url) == before + len(sent)

    eventually(is_buried, stand.counts)


def announced(stand: Stand, photo: bytes) -> dict[str, Any]:
    """Put a photo; the body of its notification."""
    image_id = new_id()
    etag = stand.put(image_id, photo)
    return bodies.notification(stand.bucket, f"uploads/{image_id}.jpg", eTag=etag)


def visible(stand: Stand) -> int:
    answer = stand.sqs.get_queue_attributes(
        QueueUrl=stand.dead_url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def test_the_reason_of_each_letter_is_found_by_trying_it(stand: Stand) -> None:
    gone = bodies.notification(stand.bucket, f"uploads/{new_id()}.jpg")
    letters = {
        "unknown_body": "no JSON",
        "no_image_id": bodies.notification(stand.bucket, "uploads/menu.jpg"),
        "foreign_bucket": bodies.notification("another-bucket", f"uploads/{new_id()}.jpg"),
        "ignored": {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": stand.bucket},
        "object_gone": gone,
        "empty_object": announced(stand, b""),
        "unsupported_format": announced(stand, b"%PDF-1.4 of a menu"),
        "unreadable_image": announced(stand, photos.truncated()),
        "too_many_pixels": announced(stand, photos.bomb()),
        "too_many_bytes": announced(stand, photos.coffee("PNG") + b"\0" * 100_000),
        "nothing_wrong": announced(stand, photos.coffee()),
    }
    bury(stand, *letters.values())
    found = listed(stand, max_bytes="200000")
    sent = {code: body if isinstance(body, str) else json.dumps(body) for code, body in letters.items()}
    bodies_of = {m["MessageId"]: m["Body"] for m in received(stand)}
    assert {bodies_of[one["message_id"]]: one["code"] for one in found} == {b: c for c, b in sent.items()}
    gravest = {one["code"]: one for one in found}
    assert gravest["object_gone"]["records"][0]["key"] == gone["Records"][0]["s3"]["object"]["key"]
    assert "another-bucket" in gravest["foreign_bucket"]["reason"]
    remedies = {one["remedy"]: set[str]() for one in found}
    assert set(remedies) == {"delete", "redrive", "mend"}
    assert all(
        one["sent_at"] and one["first_received_at"] and one["from"].endswith(stand.name) for one in found
    )


def received(stand: Stand) -> list[dict[str, Any]]:
    """Every message of the dead-letter queue, consumed by nobody yet."""
    messages: list[dict[str, Any]] = []
    while answer := stand.sqs.receive_message(QueueUrl=stand.dead_url, MaxNumberOfMessages=10).get(
        "Messages"
    ):
        messages += answer
    return messages


def test_nothing_is_consumed_and_all_can_be_seen_again_at_once(stand: Stand) -> None:
    bury(stand, *(f"letter {number}" for number in range(23)))
    assert len(listed(stand)) == 23
    assert visible(stand) == 23
    assert len(listed(stand, "--limit", "12")) == 12
    assert visible(stand) == 23
    assert stand.left() == 0


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
def test_a_reading_that_is_cut_short_hides_no_letter(stand: Stand, end: BaseException) -> None:
    bury(stand, *(f"letter {number}" for number in range(25)))
    queue = Cut.of(stand.queue_url)
    queue.end = end
    with pytest.raises(type(end)):
        read(queue, 100)
    assert queue.receives == 3
    assert visible(stand) == 25


def test_a_letter_whose_photo_was_scored_meanwhile_is_said_to_be_needless(stand: Stand) -> None:
    body = announced(stand, photos.coffee())
    bury(stand, body)
    assert [one["code"] for one in listed(stand)] == ["nothing_wrong"]
    stand.send(body)
    with stand.worker():
        eventually(lambda: len(stand.stored()) == 1)
        stand.settles(dead=1)
    (letter,) = listed(stand)
    assert (letter["code"], letter["remedy"]) == ("already_scored", "delete")


def test_a_direct_request_is_known_to_be_scored_once_its_object_was_read(stand: Stand) -> None:
    image_id = new_id()
    stand.put(image_id, photos.coffee())
    body = bodies.direct(stand.bucket, f"uploads/{image_id}.jpg")
    bury(stand, body)
    stand.send(body)
    with stand.worker():
        assert stand.result(image_id).status == "scored"
        stand.settles(dead=1)
    assert [one["code"] for one in listed(stand)] == ["already_scored"]


def test_of_several_records_the_gravest_speaks_for_the_letter(stand: Stand) -> None:
    image_id = new_id()
    stand.put(image_id, photos.coffee())
    keys = [f"uploads/{image_id}.jpg", "uploads/menu.jpg"]
    bury(stand, bodies.notification(stand.bucket, *keys))
    (letter,) = listed(stand)
    assert letter["code"] == "no_image_id"
    assert {one["key"]: one["code"] for one in letter["records"]} == dict(
        zip(keys, ["nothing_wrong", "no_image_id"], strict=True)
    )


def test_a_bucket_that_is_gone_is_trouble_with_s3_and_not_a_photo_that_is_gone(stand: Stand) -> None:
    bury(stand, bodies.notification(stand.bucket, f"uploads/{new_id()}.jpg"))
    stand.s3.delete_bucket(Bucket=stand.bucket)
    (letter,) = listed(stand)
    assert letter["code"] == "storage_trouble"
    assert "NoSuchBucket" in letter["reason"]


def test_without_redis_all_but_what_was_scored_meanwhile_is_told(stand: Stand) -> None:
    bury(stand, announced(stand, photos.coffee()))
    process = stand.process("dead-letters", "--json", redis_url="redis://127.0.0.1:1/0")
    code, out, err = ended(process)
    assert (code, json.loads(out)["code"]) == (0, "nothing_wrong")
    assert "Redis cannot be reached" in err


def test_the_table_shows_reason_and_what_to_do_and_no_control_characters_of_strangers(stand: Stand) -> None:
    bury(stand, bodies.notification("evil\x1b[2Jbucket", "uploads/x.jpg"), "no JSON")
    code, out, err = ended(stand.process("dead-letters"))
    assert code == 0
    assert "foreign_bucket" in out
    assert "WORKER_BUCKETS" in out
    assert "\x1b" not in out
    assert "2 of about 2 dead letters" in err


def test_a_queue_without_a_redrive_policy_is_said_in_one_line(stand: Stand) -> None:
    code, _, err = ended(stand.process("dead-letters", queue_url=stand.dead_url))
    assert code == 2
    assert "has no redrive policy" in err


def test_the_command_never_imports_tensorflow(stand: Stand) -> None:
    program = (
        "import sys; from worker import cli; assert cli.main(['dead-letters']) == 0; "
        "sys.exit('tensorflow' in sys.modules or 'ai_edge_litert' in sys.modules)"
    )
    bury(stand, announced(stand, photos.coffee()))
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        env=stand.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


# redrive


def test_letters_that_are_moved_back_are_scored(stand: Stand) -> None:
    bury(stand, *(announced(stand, photos.coffee()) for _ in range(3)))
    code, _, err = ended(stand.process("dead-letters", "redrive", "--wait", "--rate", "100"))
    assert code == 0, err
    assert "moved 3" in err
    assert (stand.left(), stand.left(stand.dead_url)) == (3, 0)
    with stand.worker():
        eventually(lambda: len(stand.stored()) == 3, stand.counts)
        stand.settles()


@pytest.mark.parametrize("end", ["cancel", "interrupt"])
def test_a_move_keeps_its_rate_can_be_cancelled_and_outlives_the_command(stand: Stand, end: str) -> None:
    """At one a second, twenty letters take long enough to look at a running move."""
    bury(stand, *(f"letter {number}" for number in range(20)))
    first = stand.process("dead-letters", "redrive", "--rate", "1", "--wait")
    eventually(lambda: stand.left() > 0, stand.counts)
    code, _, err = ended(stand.process("dead-letters", "redrive", "--no-wait"))
    assert code == 1
    assert "a move is running already" in err
    assert "of 20 moved, 1 a second" in err
    if end == "interrupt":
        first.send_signal(signal.SIGINT)
        code, _, err = ended(first)
        assert code == 130
        assert "the move goes on" in err
        moved = stand.left()
        eventually(lambda: stand.left() > moved, stand.counts)
    code, _, err = ended(stand.process("dead-letters", "cancel"))
    assert (code, "cancelled after" in err) == (0, True)
    if end == "cancel":
        code, _, err = ended(first)
        assert (code, "the move ended as CANCELLED" in err) == (1, True)
    eventually(lambda: stand.left() + stand.left(stand.dead_url) == 20, stand.counts)
    assert 0 < stand.left() < 20


def test_without_a_move_there_is_nothing_to_cancel(stand: Stand) -> None:
    code, _, err = ended(stand.process("dead-letters", "cancel"))
    assert (code, "no move is running" in err) == (0, True)


def test_a_letter_put_there_by_hand_fails_the_move_and_that_is_said(stand: Stand) -> None:
    """SQS does not know where it came from; on AWS the reason has another name."""
    stand.sqs.send_message(QueueUrl=stand.dead_url, MessageBody="by hand")
    code, _, err = ended(stand.process("dead-letters", "redrive", "--wait"))
    assert code == 1
    assert "the move ended as FAILED: " in err
    assert stand.left(stand.dead_url) == 1
