"""Tests of how much the scripts of the index do on a real Valkey, where many photos share a bucket.

Redis serves nobody else while a script runs. Time is not asserted: the scripts' calls of Lua's string
functions are counted, which are most of it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.integration.redis.photos import GREY, enter, now, phash, sha256
from worker.adapters.redis.calls import Call, Script
from worker.adapters.redis.index import LOT, Index
from worker.adapters.redis.nodes import Nodes
from worker.adapters.redis.store import RedisStore
from worker.messages import PhotoId
from worker.results.look_alikes import Fingerprint

COUNTING = """
local operations = 0
local function counted(library)
  return setmetatable({}, {__index = function(_, name)
    return function(...) operations = operations + 1 return library[name](...) end
  end})
end
local string, struct = counted(string), counted(struct)
local function script()
%s
end
local answer = script()
redis.call('INCRBY', 'operations', operations)
return answer
"""


class CountingScript(Script):
    """A script that counts what it does."""

    def __init__(self, script: Script) -> None:
        self.text = COUNTING % script.text
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


@dataclass
class CountingNodes(Nodes):
    """Runs each script so that it counts what it does, and notes how many calls come at once."""

    client: Any
    lots: list[int] = field(default_factory=list)

    def run(self, calls: Sequence[Call]) -> list[Any]:
        self.lots.append(len(calls))
        return super().run([_counting(call) for call in calls])

    def operations(self) -> int:
        """What the scripts did since this was asked last."""
        return int(self.client.getdel("operations") or 0)


def _counting(call: Call) -> Call:
    if call.script is None:
        return call
    script, rest = CountingScript(call.script), call.command[2:]
    return Call(call.key, "EVALSHA", script.sha, *rest, script=script)


def counting(store: RedisStore) -> tuple[Index, CountingNodes]:
    nodes = CountingNodes(store.nodes.client)
    return replace(store.index, nodes=nodes), nodes


def crowd(store: RedisStore, photos: int) -> int:
    """Enter photos of which many share a bucket with those of the tests; the moment after them."""
    moment = now(store) - 30_000_000
    for number in range(photos):
        image_hash = phash(sum(1 << 4 * bit + 1 for bit in range(16) if number >> bit & 1))
        assert enter(store, f"other-{number}", str(number), image_hash, moment + number)
    return moment + photos


def efforts(store: RedisStore, photos: int) -> dict[str, int]:
    """What each script does for one photo among `photos` others."""
    store.nodes.client.flushdb()
    moment, did, one = crowd(store, photos), dict[str, int](), PhotoId("one")
    index, nodes = counting(store)
    bare, coloured = (Fingerprint(sha256("one"), phash(0), colours) for colours in (None, GREY))
    assert index.enter([(one, bare, moment)]) == [True]
    did["enter"] = nodes.operations()
    assert index.read([one]) == [None]
    did["ask"] = nodes.operations()
    assert index.enter([(one, coloured, moment)]) == [True]
    did["colour"] = nodes.operations()
    assert index.read([one]) == [bare]
    did["ask again"] = nodes.operations()
    assert index.remove(one)
    did["remove"] = nodes.operations()
    return did


def test_colours_are_asked_for_and_filled_in_without_a_walk_through_the_buckets(store: RedisStore) -> None:
    few, many = efforts(store, 5), efforts(store, 200)
    for what in ("ask", "colour", "ask again"):
        assert many[what] == few[what] > 0


def test_a_photo_is_removed_in_one_walk_through_its_buckets(store: RedisStore) -> None:
    alone, many = efforts(store, 0), efforts(store, 250)
    buckets = store.nodes.get([f"seen:phash-1:{band}:0000" for band in range(4)])
    entries = sum(bucket.count("other-") for bucket in buckets if bucket)
    assert entries > 250
    assert 0 < many["remove"] - alone["remove"] <= 3 * entries


def test_scripts_are_sent_in_lots_between_which_redis_serves_others(store: RedisStore) -> None:
    moment = crowd(store, 3 * LOT)
    index, nodes = counting(store)
    photos = [PhotoId(f"other-{number}") for number in range(3 * LOT)]
    assert None not in index.read(photos)
    assert nodes.lots == [3 * LOT, LOT, LOT, LOT]  # the records, which cost little, in one
    nodes.lots.clear()
    index.enter(
        [(PhotoId(f"new-{n}"), Fingerprint(sha256(f"new-{n}"), None), moment) for n in range(LOT + 1)]
    )
    assert nodes.lots == [LOT, 1]
