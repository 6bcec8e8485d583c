"""Results as they are published in Redis."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from worker.adapters.redis.nodes import FAILURES, Nodes
from worker.errors import StoreError, reason
from worker.result import Result, parse

SUBSCRIBE_WAIT = 5.0  # seconds


class Announcements:
    """Results published on one channel."""

    def __init__(self, pubsub: Any) -> None:
        self._pubsub = pubsub

    def next(self, timeout: float) -> Result | None:
        """Wait up to `timeout` seconds for the next one."""
        message = self._pubsub.get_message(timeout=timeout)
        return parse(message["data"]) if message and message["type"] == "message" else None


@contextmanager
def subscribe(nodes: Nodes, channel: str) -> Iterator[Announcements]:
    """Subscribe to a channel. The subscription is confirmed on entering. Raises StoreError."""
    pubsub: Any = nodes.client.pubsub()  # type: ignore[no-untyped-call] # redis-py leaves it untyped
    try:
        pubsub.subscribe(channel)
        pubsub.get_message(timeout=SUBSCRIBE_WAIT)  # Redis's confirmation
        yield Announcements(pubsub)
    except FAILURES as error:
        raise StoreError(reason(error)) from error
    finally:
        pubsub.close()
