"""A worker of the time before entries had colours, beside those of now: its scripts on the same Redis."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker.adapters.redis import index, store
from worker.adapters.redis.calls import Call, Script
from worker.adapters.redis.nodes import Nodes
from worker.adapters.redis.store import RedisStore

FOLDER = Path(__file__).parents[2] / "data" / "earlier-index"


class EarlierScript(Script):
    """A script as it was; arguments that it does not know do no harm."""

    def __init__(self, *names: str) -> None:
        self.text = "\n".join((FOLDER / f"{name}.lua").read_text("utf-8") for name in names)
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


EARLIER = {
    store._WRITE.sha: EarlierScript("rules", "entries", "write"),
    index._LOOK_UP.sha: EarlierScript("entries", "look_up"),
    index._ENTER.sha: EarlierScript("entries", "enter"),
    index._REMOVE.sha: EarlierScript("entries", "remove"),
}


class EarlierNodes(Nodes):
    """Runs the earlier version of each script."""

    def run(self, calls: Sequence[Call]) -> list[Any]:
        return super().run([_earlier(call) for call in calls])


def earlier(now: RedisStore) -> RedisStore:
    """The store of an earlier worker on the same Redis."""
    nodes = EarlierNodes(now.nodes.client)
    return replace(now, nodes=nodes, index=replace(now.index, nodes=nodes))


def _earlier(call: Call) -> Call:
    if call.script is None or call.script is store._FORGET:  # which only deleted the result
        return call
    script, (count, *rest) = EARLIER[call.script.sha], call.command[2:]
    keys, arguments = rest[:count], rest[count:]
    if call.script in {store._WRITE, index._ENTER}:
        keys.pop()  # the mark of forgetting, which they did not know
    return Call(call.key, "EVALSHA", script.sha, len(keys), *keys, *arguments, script=script)
