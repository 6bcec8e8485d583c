"""What the bench measures with: a listener of results, and a switch for S3's notification."""

import threading

import pytest

from bench.latency import listener
from bench.latency.listener import Listener
from bench.latency.notifications import notification_off
from bench.processes import LostError
from tests.support.rig import Rig
from tests.support.waiting import eventually

SCORED, FAILED = '{"status":"scored","timings_ms":{"infer":5.0}}', '{"status":"failed","timings_ms":{}}'


def test_announced_results_are_heard_in_any_order_and_repeats_are_counted(rig: Rig) -> None:
    told = threading.Semaphore(0)
    with Listener(rig.redis, heard=told.release) as heard:
        for image_id in ("b", "a", "b", "stranger"):
            rig.redis.publish(f"result:{image_id}", SCORED)
        first = heard.first(["a", "b"])
        eventually(lambda: len(heard.arrivals()) == 4)
        assert heard.count_repeats() == 1
    assert list(first) == ["a", "b"]
    assert first["b"].at <= first["a"].at
    assert first["a"].timings() == {"infer": 5.0}
    assert all(told.acquire(timeout=5) for _ in range(4))


def test_silence_means_that_photos_are_lost(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "SILENCE", 0.5)
    with Listener(rig.redis) as heard:
        rig.redis.publish("result:a", SCORED)
        with pytest.raises(LostError, match="1 photos have no result"):
            heard.first(["a", "b"])


def test_a_failed_photo_ends_the_measurement(rig: Rig) -> None:
    with Listener(rig.redis) as heard:
        rig.redis.publish("result:a", FAILED)
        with pytest.raises(LostError, match="1 of 1 photos came out as failed"):
            heard.first(["a"])


def test_the_buckets_notification_comes_back(rig: Rig) -> None:
    bodies: list[str] = []

    def told() -> bool:
        received = rig.sqs.receive_message(QueueUrl=rig.queue_url, MaxNumberOfMessages=10)
        bodies.extend(message["Body"] for message in received.get("Messages", []))
        return any("told.jpg" in body for body in bodies)

    rig.announce_uploads()
    with notification_off(rig.s3, rig.bucket):
        rig.put("quiet", b"photo")
    rig.put("told", b"photo")
    eventually(told, lambda: bodies)
    assert not any("quiet.jpg" in body for body in bodies)
