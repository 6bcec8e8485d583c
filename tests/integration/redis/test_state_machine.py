"""The state machine of tests/support/machine on the real scripts in a real Valkey, empty for each run."""

import redis
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.redis.photos import connect
from tests.support.machine.invariants import Pipelines, effort
from worker.adapters.redis.store import RedisStore


def test_any_interleaving_keeps_the_promises(url: str) -> None:
    client, store = redis.Redis.from_url(url), connect(url, template="result:{owner}:{image_id}")

    class OnValkey(Pipelines):
        def open_store(self) -> RedisStore:
            client.flushdb()
            return store

    run_state_machine_as_test(OnValkey, settings=effort(runs=40))
