"""Photos as the index sees them: their bytes, their hashes, and what they duplicate."""

import hashlib

from tests.support.results import make_result
from worker.adapters.redis.store import RedisStore
from worker.messages import Answer, PhotoId
from worker.photos.looks import Look
from worker.result import DuplicateOf, Result
from worker.results.look_alikes import DuplicateRule, Fingerprint
from worker.results.redis_keys import Keys

WINDOW = 60  # seconds
GREY = "lab-1:" + "88" * 16  # the colours of photos whose colours do not matter


def connect(
    url: str,
    *,
    radius: int = 6,
    window: int = WINDOW,
    template: str = "result:{image_id}",
    timeout: float = 2,
) -> RedisStore:
    rule = DuplicateRule(radius, window)
    return RedisStore.connect(url, keys=Keys(template), expiry=WINDOW, timeout=timeout, rule=rule)


def photo(
    image_id: str,
    content: str,
    image_hash: str | None = None,
    owner: str | None = None,
    *,
    colours: str | None = GREY,
) -> Result:
    """The result of a photo with these bytes and this look."""
    source = {"key": f"uploads/{image_id}", "etag": content, "sha256": sha256(content)}
    return make_result(image_id, image_hash=image_hash, image_colours=colours, owner=owner, **source)


def write(
    store: RedisStore,
    image_id: str,
    content: str,
    image_hash: str | None = None,
    owner: str | None = None,
    *,
    colours: str | None = GREY,
) -> DuplicateOf | None:
    """Write the result of a photo. Returns what it duplicates, which must be stored too."""
    result = photo(image_id, content, image_hash, owner, colours=colours)
    (written,) = store.write([result], [""])
    assert written.answer is Answer.WRITTEN
    (stored,) = store.find([PhotoId(image_id, owner or "")])
    assert stored == result.model_copy(update={"duplicate_of": written.duplicate_of})
    return written.duplicate_of


def enter(
    store: RedisStore,
    image_id: str,
    content: str,
    image_hash: str,
    moment: int,
    *,
    colours: str | None = GREY,
) -> bool:
    """Enter a photo that was stored at a moment, in microseconds. False if it was known."""
    fingerprint = Fingerprint(sha256(content), image_hash, colours)
    return store.index.enter([(PhotoId(image_id), fingerprint, moment)])[0]


def now(store: RedisStore) -> int:
    """The time of Redis in microseconds, rounded down to a second."""
    return int(store.nodes.client.time()[0]) * 1_000_000


def left_over(store: RedisStore) -> list[str]:
    """Every key but the clock, and the marks of what was forgotten."""
    names = (str(name) for name in store.nodes.client.keys("*"))
    return sorted(name for name in names if name != "seen:clock" and not name.startswith("seen:forgotten:"))


def find_look_alike(
    store: RedisStore, image_id: str, image_hash: str, colours: str | None = GREY
) -> str | None:
    look_alike = store.find_look_alike(PhotoId(image_id), Look(image_hash, colours))
    return look_alike.image_id if look_alike else None


def exact(image_id: str) -> DuplicateOf:
    return DuplicateOf(image_id=image_id, distance=0, kind="exact")


def near(image_id: str, distance: int) -> DuplicateOf:
    return DuplicateOf(image_id=image_id, distance=distance, kind="near")


def sha256(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def phash(bits: int) -> str:
    return f"phash-1:{bits:016x}"
