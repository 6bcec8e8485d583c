"""No stage waits a second for what a test never sends."""

import pytest

from worker.stages import commit, infer


@pytest.fixture(autouse=True)
def a_step_that_finds_nothing_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for stage in (commit, infer):
        monkeypatch.setattr(stage, "IDLE", 0.01)
