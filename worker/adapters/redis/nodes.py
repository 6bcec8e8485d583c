"""One Redis or a cluster: connects, and sends each call to the node that has its keys.

redis-py's own pipeline for clusters takes no scripts. Here all keys of one call are in one slot, so
calls are grouped by node, and each node gets an ordinary pipeline.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Self

import redis
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.cluster import RedisCluster
from redis.exceptions import NoPermissionError, RedisClusterException
from redis.retry import Retry

from worker.adapters.redis.calls import Call, send
from worker.errors import ConfigurationError, StoreError, reason

FAILURES = (redis.RedisError, RedisClusterException, OSError)  # whatever a call may raise
SCAN_COUNT = 1_000  # keys that Redis looks at in one turn
HEALTH_CHECK_INTERVAL = 15  # seconds after which an idle connection is tested before use
ONCE_MORE = Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), retries=1)  # and commit keeps trying


class Nodes:
    """Thread-safe. Its methods raise StoreError."""

    def __init__(self, client: "redis.Redis | RedisCluster", url: str = "", timeout: float = 2.0) -> None:
        self.client = client
        self.url = url  # for connections of another kind
        self.timeout = timeout

    @classmethod
    def connect(cls, url: str, timeout: float) -> Self:
        """Connect. `timeout`: seconds to wait for each answer. Raises ConfigurationError."""
        options: dict[str, Any] = {
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout,
            "health_check_interval": HEALTH_CHECK_INTERVAL,
            # `run` tries again. redis-py would also connect twice in each of its two tries.
            "retry": Retry(NoBackoff(), 0),
            "decode_responses": True,
            # A value that is not ours must not read as a result: then it is overwritten.
            "encoding_errors": "replace",
        }
        try:
            single = redis.Redis.from_url(url, **options)
        except (ValueError, TypeError, redis.RedisError):
            # Not the error's own text: it may quote a part of the password.
            raise ConfigurationError(
                "the Redis URL is not valid (special characters of a password must be percent-encoded)"
            ) from None
        try:
            ONCE_MORE.call_with_retry(single.ping, lambda _: None)
            if not _is_cluster(single):
                return cls(single, url, timeout)
            single.close()
            return cls(RedisCluster.from_url(url, **options), url, timeout)
        except (*FAILURES, UnicodeError) as error:
            raise ConfigurationError(f"Redis cannot be reached: {error}") from None

    @property
    def is_cluster(self) -> bool:
        """Whether keys are spread over several nodes."""
        return isinstance(self.client, RedisCluster)

    def get(self, names: Sequence[str]) -> list[Any]:
        """Read the values of these keys, all at once."""
        return self.run([Call(name, "GET", name) for name in names])

    def delete(self, name: str) -> bool:
        """Delete a key. False if it was not there."""
        return bool(self.run([Call(name, "DEL", name)])[0])

    def run(self, calls: Sequence[Call]) -> list[Any]:
        """Send all calls at once. The answer is None for a key with a value of another type.

        The answer of a script that fails by itself is Refused. A single Redis that hangs is waited for twice,
        `timeout` seconds each time; in a cluster once, and then each node is asked where the keys are.
        """
        answers: list[Any] = [None] * len(calls)
        try:
            for node, numbers in self._by_node(calls).items():
                at_node = self._send(node, [calls[number] for number in numbers])
                for number, answer in zip(numbers, at_node, strict=True):
                    answers[number] = answer
        except FAILURES as error:
            self._find_nodes_again(error)
            raise StoreError(reason(error)) from error
        return answers

    def address(self, key: str, *, any_node: bool = False) -> dict[str, Any]:
        """Name host and port of the node that has a key, or of any node; empty without a cluster.

        What is announced on one node of a cluster is heard on all, but surely and soonest on that one.
        """
        if not isinstance(self.client, RedisCluster):
            return {}
        node: Any = (
            self.client.get_random_node()  # type: ignore[no-untyped-call] # redis-py leaves it untyped
            if any_node
            else self.client.get_node_from_key(key)  # type: ignore[no-untyped-call] # likewise
        )
        return {"host": node.host, "port": node.port}

    def scan(self, pattern: str) -> Iterator[str]:
        """Find every key that matches. Some may come twice."""
        try:
            yield from self.client.scan_iter(match=pattern, count=SCAN_COUNT)
        except FAILURES as error:
            raise StoreError(reason(error)) from error

    def _send(self, node: "redis.Redis", calls: Sequence[Call]) -> list[Any]:
        if self.is_cluster:  # the call may belong to another node by now
            return send(node, calls)
        return ONCE_MORE.call_with_retry(lambda: send(node, calls), lambda _: None)

    def _by_node(self, calls: Sequence[Call]) -> "dict[redis.Redis, list[int]]":
        numbers: dict[redis.Redis, list[int]] = defaultdict(list)
        for number, call in enumerate(calls):
            numbers[self._node_of(call.key)].append(number)
        return numbers

    def _node_of(self, key: str) -> "redis.Redis":
        if not isinstance(self.client, RedisCluster):
            return self.client
        node = self.client.get_node_from_key(key)  # type: ignore[no-untyped-call] # redis-py leaves it untyped
        return self.client.get_redis_connection(node)

    def _find_nodes_again(self, error: Exception) -> None:
        """Drop what a failover made wrong: addresses of nodes, places of slots, old connections."""
        if isinstance(self.client, RedisCluster):
            with suppress(*FAILURES):  # no node answers: the next call tries again
                self.client.nodes_manager.initialize()
        elif isinstance(error, redis.ReadOnlyError):
            self.client.connection_pool.disconnect(inuse_connections=False)


def _is_cluster(client: "redis.Redis") -> bool:
    try:
        info: Any = client.info("cluster")
    except NoPermissionError:  # a single Redis needs no right to this
        return False
    return bool(info.get("cluster_enabled"))
