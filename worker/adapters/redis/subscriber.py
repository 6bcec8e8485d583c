"""Hears of the results of any number of photos on one connection, which one task of an event loop holds."""

import asyncio
from collections.abc import Callable
from typing import Any

import redis
from redis.asyncio.connection import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from worker.adapters.redis.nodes import FAILURES, Nodes
from worker.errors import reason

PAUSES = (0.05, 0.1, 0.2, 0.5)  # seconds before another connection; the last one from then on
REASONS_TO_LOOK = {"subscribe", "message"}


class Subscriber:
    """Calls `heard` with a channel when it is subscribed to, also anew, and when something is announced.

    What was announced before a confirmation was not heard: each is a reason to look. Everything
    here belongs to one event loop. redis-py's own PubSub connects again by itself, wherever it notices
    a cut: no two tasks can share one, and nobody learns of it.
    """

    def __init__(self, nodes: Nodes) -> None:
        """After their timeout of silence a sign of life is asked for, which must come within another one."""
        self._nodes = nodes
        self._timeout = nodes.timeout
        self._wanted = dict[str, None]()  # in the order in which they came
        self._sent = set[str]()  # subscribed to on this connection, if not yet confirmed
        self._changed = dict[str, None]()
        self._has_work = asyncio.Event()
        self._failures = 0  # connections that failed since something was heard

    def add(self, channel: str) -> None:
        """Hear a channel. If it is subscribed to already, no confirmation need come: look after this call."""
        self._wanted[channel] = None
        self._note(channel)

    def drop(self, channel: str) -> None:
        """Hear a channel no more."""
        self._wanted.pop(channel, None)
        self._note(channel)

    async def run(self, heard: Callable[[str], None], failed: Callable[[str], None]) -> None:
        """Hold a connection while a channel is wanted, until cancelled.

        `failed` hears why one ended; not again, until something was heard.
        """
        while True:
            await self._until(lambda: bool(self._wanted))
            try:
                await self._hold(heard)
            except* FAILURES as group:
                self._failures += 1
                if self._failures == 1:
                    failed(reason(group.exceptions[0]))
            await asyncio.sleep(PAUSES[min(self._failures, len(PAUSES)) - 1])

    async def _hold(self, heard: Callable[[str], None]) -> None:
        """Read and write on one connection until it fails."""
        connection = self._connection()
        try:
            await connection.connect()
            connection.socket_timeout = None  # or asyncio.wait_for, which loses a cancel in Python 3.11
            self._changed = dict(self._wanted)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read(connection, heard))
                tasks.create_task(self._write(connection))
        finally:
            self._sent.clear()
            await connection.disconnect(nowait=True)

    def _connection(self) -> Any:
        options: dict[str, Any] = {
            "socket_timeout": self._timeout,
            "socket_connect_timeout": self._timeout,
            "retry": Retry(NoBackoff(), 0),  # `run` does that
            "protocol": 2,  # a reply is a list: kind, channel, data
            "decode_responses": True,
            "encoding_errors": "replace",
        }
        pool = ConnectionPool.from_url(self._nodes.url, **options)
        first = next(iter(self._wanted))
        pool.connection_kwargs |= self._nodes.address(first, any_node=self._failures > 0)
        return pool.make_connection()  # type: ignore[no-untyped-call] # redis-py leaves it untyped

    async def _read(self, connection: Any, heard: Callable[[str], None]) -> None:
        is_asked = False  # for a sign of life
        while True:
            reply = await connection.read_response(timeout=self._timeout, disconnect_on_error=False)
            if reply is not None:
                is_asked = False
                if reply[0] in REASONS_TO_LOOK:
                    self._failures = 0
                    heard(reply[1])
            elif is_asked:
                raise redis.TimeoutError(f"no sign of life within {self._timeout:g} s")
            else:
                is_asked = True
                await self._send(connection, "PING")

    async def _write(self, connection: Any) -> None:
        while True:
            await self._until(lambda: bool(self._changed))
            changed, self._changed = self._changed, {}
            new = [one for one in changed if one in self._wanted and one not in self._sent]
            gone = [one for one in changed if one in self._sent and one not in self._wanted]
            self._sent = (self._sent | set(new)) - set(gone)
            for command, channels in (("SUBSCRIBE", new), ("UNSUBSCRIBE", gone)):
                if channels:
                    await self._send(connection, command, *channels)

    async def _send(self, connection: Any, *command: str) -> None:
        async with asyncio.timeout(self._timeout):
            await connection.send_command(*command, check_health=False)

    def _note(self, channel: str) -> None:
        self._changed[channel] = None
        self._has_work.set()

    async def _until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            self._has_work.clear()
            await self._has_work.wait()
