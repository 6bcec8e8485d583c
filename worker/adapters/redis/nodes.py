"""Redis, alone or as a cluster: calls sent together to the node that has their keys, and scripts it keeps.

redis-py's own pipeline for clusters takes no scripts. All keys of one call lie in one slot here, so calls are grouped
by node, and each node has an ordinary pipeline.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import resources
from typing import Any, Self

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.cluster import RedisCluster
from redis.exceptions import NoPermissionError, NoScriptError, RedisClusterException
from redis.retry import Retry

from worker.errors import ConfigurationError, StoreError

FAILURES = (redis.RedisError, RedisClusterException, OSError)  # whatever a call may raise
SCANNED = 1_000  # keys that Redis looks at in a turn
ANSWERING = 15  # seconds after which an idle connection is tried before it is used


class Script:
    """Lua from files in adapters/redis/lua/, in this order."""

    def __init__(self, *names: str) -> None:
        folder = resources.files("worker.adapters.redis") / "lua"
        self.text = "\n".join((folder / f"{name}.lua").read_text("utf-8") for name in names)
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()  # what Redis calls it


class Call:
    """A command, or a script with its keys and arguments."""

    def __init__(self, key: str, *command: Any, script: Script | None = None) -> None:
        self.key = key
        self.command = command
        self.script = script

    @classmethod
    def of(cls, script: Script, keys: Sequence[str], *arguments: Any) -> Self:
        """Call a script."""
        return cls(keys[0], "EVALSHA", script.sha, len(keys), *keys, *arguments, script=script)


class Nodes:
    """Thread-safe."""

    def __init__(self, client: "redis.Redis | RedisCluster") -> None:
        self.client = client

    @classmethod
    def connect(cls, url: str, timeout: float) -> Self:
        """Connect, with short time-outs, in seconds, and bounded retries. Raises ConfigurationError."""
        options: dict[str, Any] = {
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout,
            "health_check_interval": ANSWERING,
            # Commit goes on trying.
            "retry": Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), retries=1),
            "decode_responses": True,
            "encoding_errors": "replace",  # what is not ours does not read as a result, and is overwritten
        }
        try:
            single = redis.Redis.from_url(url, **options)
        except (ValueError, TypeError, redis.RedisError):
            # Not the error's own text: it may quote a part of the password.
            raise ConfigurationError(
                "the Redis URL is not valid (special characters of a password must be percent-encoded)"
            ) from None
        try:
            single.ping()
            if not _is_cluster(single):
                return cls(single)
            single.close()
            return cls(RedisCluster.from_url(url, **options))
        except (*FAILURES, UnicodeError) as error:
            raise ConfigurationError(f"Redis cannot be reached: {error}") from None

    @property
    def is_cluster(self) -> bool:
        """Whether keys are spread over several nodes."""
        return isinstance(self.client, RedisCluster)

    def run(self, calls: Sequence[Call]) -> list[Any]:
        """Send all at once; their answers, None where a key holds a value of another type. Raises StoreError."""
        answers: list[Any] = [None] * len(calls)
        try:
            for node, numbers in self._by_node(calls).items():
                mine = [calls[number] for number in numbers]
                for number, answer in zip(numbers, self._run_at(node, mine), strict=True):
                    answers[number] = answer
        except FAILURES as error:
            self._look_round(error)
            raise StoreError(reason(error)) from error
        return answers

    def scan(self, pattern: str) -> Iterator[str]:
        """Every key that matches, some perhaps twice. Raises StoreError."""
        try:
            yield from self.client.scan_iter(match=pattern, count=SCANNED)
        except FAILURES as error:
            raise StoreError(reason(error)) from error

    def _by_node(self, calls: Sequence[Call]) -> "dict[redis.Redis, list[int]]":
        found: dict[redis.Redis, list[int]] = defaultdict(list)
        for number, call in enumerate(calls):
            found[self._node_of(call.key)].append(number)
        return found

    def _node_of(self, key: str) -> "redis.Redis":
        if not isinstance(self.client, RedisCluster):
            return self.client
        node = self.client.get_node_from_key(key)  # type: ignore[no-untyped-call] # redis-py leaves it untyped
        return self.client.get_redis_connection(node)

    def _run_at(self, node: "redis.Redis", calls: Sequence[Call]) -> list[Any]:
        """Scripts that the node does not have are loaded, and called once more."""
        answers = _sent(node, calls)
        lacking = [number for number, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if lacking:
            for script in {calls[number].script for number in lacking}:
                node.script_load(script.text if script else "")
            for number, answer in zip(lacking, _sent(node, [calls[n] for n in lacking]), strict=True):
                answers[number] = answer
        return [_checked(answer) for answer in answers]

    def _look_round(self, error: Exception) -> None:
        """After a failover the names lead elsewhere, and slots may have moved; old connections lead nowhere."""
        if isinstance(self.client, RedisCluster):
            with suppress(*FAILURES):  # none of its nodes answers: the next call looks round again
                self.client.nodes_manager.initialize()
        elif isinstance(error, redis.ReadOnlyError):
            self.client.connection_pool.disconnect(inuse_connections=False)


def _is_cluster(client: "redis.Redis") -> bool:
    try:
        about: Any = client.info("cluster")
    except NoPermissionError:  # nobody needs the right for a single one
        return False
    return bool(about.get("cluster_enabled"))


def _sent(node: "redis.Redis", calls: Sequence[Call]) -> list[Any]:
    """Give the answers; an error that Redis answers with is one of them."""
    if len(calls) == 1:  # a pipeline would take half as long again
        try:
            return [node.execute_command(*calls[0].command)]  # type: ignore[no-untyped-call] # as below
        except redis.ResponseError as error:
            return [error]
    with node.pipeline(transaction=False) as pipe:
        for call in calls:
            pipe.execute_command(*call.command)  # type: ignore[no-untyped-call] # redis-py leaves it untyped
        answers: list[Any] = pipe.execute(raise_on_error=False)
    return answers


def _checked(answer: Any) -> Any:
    if isinstance(answer, Exception):
        if isinstance(answer, redis.ResponseError) and str(answer).startswith("WRONGTYPE"):
            return None
        raise answer
    return answer


def reason(error: Exception) -> str:
    """Say what went wrong."""
    return f"{type(error).__name__}: {error}"
