"""Tells when to look for a result: it was announced, or an announcement may have been missed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis

from worker.adapters.redis.nodes import FAILURES, Nodes
from worker.errors import StoreError, reason

PAUSE = 0.1  # seconds after a connection was cut that redis-py could not renew at once


class Announcements:
    """A subscription to the results of one photo."""

    def __init__(self, pubsub: Any) -> None:
        self._pubsub = pubsub

    def wait(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for a reason to look. False if there was none.

        Redis confirms the subscription, also each time that redis-py subscribes again, in silence,
        after the connection was cut. What was announced before a confirmation was not heard.
        """
        try:
            return self._pubsub.get_message(timeout=timeout) is not None
        except (redis.ConnectionError, redis.TimeoutError):
            time.sleep(min(timeout, PAUSE))  # the next call subscribes again
            return True  # and the look says whether Redis is away


@contextmanager
def subscribe(nodes: Nodes, channel: str) -> Iterator[Announcements]:
    """Subscribe to a channel. Raises StoreError."""
    pubsub: Any = nodes.client.pubsub()  # type: ignore[no-untyped-call] # redis-py leaves it untyped
    try:
        pubsub.subscribe(channel)
        yield Announcements(pubsub)
    except FAILURES as error:
        raise StoreError(reason(error)) from error
    finally:
        pubsub.close()
