"""What has aged in the index but is still there counts no more; what is young keeps its order."""

import redis

from tests.integration.redis.photos import WINDOW, enter, exact, now, phash, sha256, write
from tests.support.rig import Rig
from worker.adapters.redis.store import RedisStore

SECOND = 1_000_000  # microseconds
FAR = phash(2**64 - 1)  # from phash(0)


def moment_of(rig: Rig, image_id: str) -> int:
    """When the index first saw a photo."""
    return int(rig.redis.get(f"seen:photo:{image_id}").rsplit(" ", 1)[1])


def test_a_photo_whose_record_has_aged_is_new_to_the_index(store: RedisStore, rig: Rig) -> None:
    write(store, "one", "1", phash(0))
    record, written = rig.redis.get("seen:photo:one"), moment_of(rig, "one")
    rig.redis.set("seen:photo:one", record.replace(str(written), str(written - 2 * WINDOW * SECOND)))
    rig.redis.delete("result:one")
    write(store, "one", "1", phash(0))
    assert moment_of(rig, "one") > written
    assert write(store, "two", "1", FAR) == exact("one")


def test_a_record_outlives_the_entries_that_other_photos_keep_alive(store: RedisStore, rig: Rig) -> None:
    write(store, "one", "1", phash(0))
    assert WINDOW < rig.redis.ttl("seen:photo:one") <= 2 * WINDOW


def test_a_photo_with_the_same_bytes_that_has_aged_is_dropped(store: RedisStore, rig: Rig) -> None:
    key = "seen:exact:" + sha256("1")
    rig.redis.set(key, f"{now(store) - 2 * WINDOW * SECOND} one", ex=WINDOW)
    assert write(store, "two", "1", phash(0)) is None
    assert rig.redis.get(key).split()[1::2] == ["two"]
    assert write(store, "three", "1", FAR) == exact("two")


def test_no_two_photos_have_the_same_moment(store: RedisStore, rig: Rig) -> None:
    """Not even if the clock of Redis was set back, or both come within a microsecond."""
    ahead = now(store) + 10 * SECOND
    rig.redis.set("seen:clock", ahead)
    for image_id in ("one", "two"):
        write(store, image_id, image_id, phash(0))
    assert [moment_of(rig, image_id) for image_id in ("one", "two")] == [ahead + 1, ahead + 2]


def test_a_photo_entered_later_takes_its_place_in_time(store: RedisStore, rig: Rig) -> None:
    """Entries age from the front of their bucket."""
    write(store, "young", "1", phash(0))
    assert enter(store, "old", "2", phash(0), now(store) - 10 * SECOND)
    with redis.Redis.from_url(rig.environment["WORKER_REDIS_URL"]) as client:
        bucket = client.get("seen:phash-1:0:0000")
    assert isinstance(bucket, bytes)
    assert bucket.index(b"old") < bucket.index(b"young")


def test_copies_entered_later_do_not_pile_up(store: RedisStore, rig: Rig) -> None:
    for number in range(20):
        enter(store, f"copy-{number}", str(number), phash(0), now(store) - (20 - number) * SECOND)
    with redis.Redis.from_url(rig.environment["WORKER_REDIS_URL"]) as client:
        bucket = client.get("seen:phash-1:0:0000")
    assert isinstance(bucket, bytes)
    assert bucket.count(b"copy-") == 16


def test_a_result_expires(store: RedisStore, rig: Rig) -> None:
    write(store, "one", "1", phash(0))
    assert 0 < rig.redis.ttl("result:one") <= WINDOW
