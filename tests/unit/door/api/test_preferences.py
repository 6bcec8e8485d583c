"""What clients prefer to wait for."""

import pytest

from worker.door.api.preferences import Preferences


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], 10.0),
        (["respond-async"], 0.0),
        (["Respond-Async; foo=1"], 0.0),
        (["handling=lenient, respond-async"], 0.0),
        (["respond-async, wait=3"], 3),
        (["wait=3", "respond-async"], 3),
        (["wait = 4"], 4),
        (["wait=3, wait=5"], 3),  # the first one counts
        (["wait=99999999999999999999"], 10.0),
        (["wait=-1"], 10.0),
        (["wait=x, respond-asyncly"], 10.0),
        (["wait="], 10.0),
    ],
)
def test_the_wait_is_what_the_client_prefers_within_the_limit(headers: list[str], seconds: float) -> None:
    assert Preferences.read(headers).wait(10.0) == seconds
