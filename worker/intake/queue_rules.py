"""A queue's own rules, and which of them cost photos. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

SHORT_TIMEOUT = 20  # seconds
SHORT_RETENTION = 86_400  # seconds; what is broken on one day may be mended on the next


class QueueRules(NamedTuple):
    """What the queue does with messages. Times are in seconds."""

    visibility_timeout: int
    retention: int
    most_receives: int | None  # then a message becomes a dead letter; None: never
    dead_letter_retention: int | None = None  # None: not known


def complaints(
    rules: QueueRules, visibility_timeout: int, alone_after: int
) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield a warning's name, what is wrong and what to do, for each rule that may cost photos.

    `visibility_timeout`: the one in use. `alone_after`: from this receive on, a message is worked alone.
    """
    if visibility_timeout < SHORT_TIMEOUT:
        yield (
            "short_visibility_timeout",
            {"seconds": visibility_timeout, "reason": "a pause of the process loses leases; set it to 60 s"},
        )
    if rules.retention < SHORT_RETENTION:
        yield (
            "short_retention",
            {"seconds": rules.retention, "reason": "photos are lost in a longer outage; set it to 4 days"},
        )
    if rules.most_receives is None:
        reason = (
            "a message that nobody can use comes back until it is too old; give the queue a redrive policy"
        )
        yield "no_dead_letters", {"reason": reason}
        return
    if rules.most_receives <= alone_after:
        reason = (
            "a photo that ends the process makes dead letters of others; raise the queue's maxReceiveCount"
        )
        yield ("never_alone", {"receives": rules.most_receives, "alone_after": alone_after, "reason": reason})
    kept = rules.dead_letter_retention
    if kept is not None and kept <= rules.retention:  # a dead letter keeps the age of its message
        reason = "dead letters may be gone before anybody sees them; keep them longer than messages: 14 days"
        yield "short_dead_letters", {"seconds": kept, "queue_seconds": rules.retention, "reason": reason}
