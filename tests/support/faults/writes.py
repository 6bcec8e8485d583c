"""Counts the results that workers write, by listening to what Redis publishes."""

import threading
from collections import Counter

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from localstack.services import HOST
from tests.support.faults.valkey import Valkey
from tests.support.waiting import eventually


class Writes:
    """Counts the writes of each result: each write is published once. `gaps`: lost connections."""

    def __init__(self, store: Valkey) -> None:
        self.counts: Counter[str] = Counter()
        self.gaps = 0
        self._store = store
        self._ended = threading.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        eventually(self._listening.is_set)

    def close(self) -> None:
        """Stop listening."""
        self._ended.set()
        self._thread.join(5)

    def _listen(self) -> None:
        while not self._ended.is_set():
            try:
                self._receive()
            except (redis.RedisError, OSError):  # tests kill the store
                self.gaps += self._listening.is_set()
                self._listening.clear()

    def _receive(self) -> None:
        client = impatient(self._store.port)
        with client.pubsub(ignore_subscribe_messages=True) as messages:  # type: ignore[no-untyped-call] # redis-py's
            messages.psubscribe("result:*")
            while not self._ended.is_set():
                message = messages.get_message(timeout=0.2)
                self._listening.set()
                if message:
                    self.counts[message["channel"].removeprefix("result:")] += 1


def impatient(port: int) -> "redis.Redis":
    """Connect to a store that tests break: it answers or fails within a second, without retries."""
    return redis.Redis(
        host=HOST,
        port=port,
        decode_responses=True,
        socket_timeout=0.5,
        socket_connect_timeout=0.5,
        retry=Retry(NoBackoff(), 0),
    )
