"""The state machine on the real scripts in a real Valkey, and its fast twin held to them."""

from collections.abc import Sequence

import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.redis.photos import connect
from tests.support.machine.invariants import Pipelines
from tests.support.machine.redis import TwinStore
from tests.support.results import make_result
from worker.adapters.redis.store import RedisStore
from worker.messages import PhotoId
from worker.result import Result

TEMPLATE = "result:{owner}:{image_id}"
OWNERS = st.sampled_from(["anna", "bert"])
SEEN = st.sampled_from(["", "e1", "e2", "v1", "v2"])
RESULTS = st.builds(
    make_result,
    st.just("one"),
    owner=OWNERS,
    code=st.sampled_from(["", "", "object_gone", "too_many_bytes", "unreadable_image"]),
    models=st.sampled_from(["1", "2", "02", "10", "next", str(2**53), str(2**53 + 1), "9" * 40]),
    key=st.sampled_from(["k", "k", "k", "other"]),
    etag=st.sampled_from([None, "", "e1", "e2"]),
    version_id=st.sampled_from([None, None, "null", "v1", "v2"]),
    sequencer=st.sampled_from([None, None, "", "0A", "0a1", "0A10", "0B"]),
)


def test_any_interleaving_keeps_the_promises(url: str) -> None:
    """The machine of tests/support/machine, each run of it in an empty Valkey."""
    client, store = redis.Redis.from_url(url), connect(url, template=TEMPLATE)

    class OnValkey(Pipelines):
        def open_store(self) -> RedisStore:
            client.flushdb()
            return store

    few = settings(max_examples=40, stateful_step_count=60, suppress_health_check=[HealthCheck.too_slow])
    run_state_machine_as_test(OnValkey, settings=few)


@settings(max_examples=300)
@given(writes=st.lists(st.tuples(RESULTS, SEEN), min_size=2, max_size=5))
def test_the_twin_answers_as_the_scripts_do(url: str, writes: Sequence[tuple[Result, str]]) -> None:
    redis.Redis.from_url(url).flushdb()
    real, twin = connect(url, template=TEMPLATE, window=0), TwinStore()
    photos = [PhotoId("one", owner) for owner in ("anna", "bert")]
    for result, seen in writes:
        assert real.write([result], [seen]) == twin.write([result], [seen])
        assert real.find(photos) == twin.find(photos)
