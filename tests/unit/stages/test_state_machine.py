"""Any interleaving of receive, prepare, score, write, fail, expire, extend, stop and crash keeps the promises.

Two workers made of the real stages, leases and source share simulated services; Hypothesis chooses
what happens next: see tests/support/machine. tests/integration/redis/test_state_machine.py runs the
same on a real Valkey.
"""

from hypothesis import HealthCheck, settings

from tests.support.machine.invariants import Pipelines

TestPipelines = Pipelines.TestCase
TestPipelines.settings = settings(
    max_examples=100, stateful_step_count=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
