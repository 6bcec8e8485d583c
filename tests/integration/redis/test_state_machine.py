"""The state machine of tests/support/machine on the real scripts in a real Valkey, empty for each run."""

import redis
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.redis.photos import connect
from tests.support.machine.invariants import Pipelines
from worker.adapters.redis.store import RedisStore

FEW = settings(max_examples=40, stateful_step_count=60, suppress_health_check=[HealthCheck.too_slow])


def test_any_interleaving_keeps_the_promises(url: str) -> None:
    client, store = redis.Redis.from_url(url), connect(url, template="result:{owner}:{image_id}")

    class OnValkey(Pipelines):
        def open_store(self) -> RedisStore:
            client.flushdb()
            return store

    run_state_machine_as_test(OnValkey, settings=FEW)
