"""Any interleaving of receive, prepare, score, write, fail, expire, extend, stop and crash keeps the promises.

Two workers made of the real stages, leases and source share simulated services; Hypothesis chooses
what happens next: see tests/support/machine. tests/integration/redis/test_state_machine.py runs the
same on a real Valkey. `RUNS=5000 pytest tests/unit/stages/test_state_machine.py` tries more.
"""

from tests.support.machine.invariants import Pipelines, effort

TestPipelines = Pipelines.TestCase
TestPipelines.settings = effort(runs=100)
