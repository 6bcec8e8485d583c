"""Settings of a worker with two ways in: each way asks for what it needs."""

import pytest

from worker.errors import ConfigurationError
from worker.settings import load

QUEUE = {"WORKER_QUEUE_URL": "https://sqs/q", "WORKER_BUCKETS": "photos", "WORKER_REDIS_URL": "redis://r"}
DOOR = {"WORKER_DOOR_PORT": "8080"}


def refusal(environ: dict[str, str], *needs: str) -> str:
    with pytest.raises(ConfigurationError) as error:
        load(environ, needs)
    return str(error.value)


def test_the_door_alone_needs_nothing_else() -> None:
    settings = load(DOOR)
    assert (settings.queue_url, settings.buckets, settings.redis_url.get_secret_value()) == ("", (), "")
    assert load({**DOOR, "WORKER_REDIS_URL": "redis://r"}).redis_url.get_secret_value() == "redis://r"


@pytest.mark.parametrize("missing", sorted(QUEUE))
def test_a_queue_beside_the_door_needs_all_that_a_queue_needs(missing: str) -> None:
    environ = {name: value for name, value in QUEUE.items() if name != missing}
    if missing in {"WORKER_REDIS_URL", "WORKER_QUEUE_URL"}:
        assert refusal({**DOOR, **environ}).startswith(f"{missing} is not set")
    assert refusal(environ).startswith(f"{missing} is not set")


@pytest.mark.parametrize("port", ["0", "00", ""])
def test_without_a_port_there_must_be_a_queue(port: str) -> None:
    assert "WORKER_QUEUE_URL" in refusal({"WORKER_DOOR_PORT": port})


@pytest.mark.parametrize("given", [{}, {"WORKER_BUCKETS": ""}])
def test_a_command_may_need_what_the_door_does_not(given: dict[str, str]) -> None:
    assert refusal({**DOOR, **given}, "buckets").startswith("WORKER_BUCKETS is not set")


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"WORKER_DOOR_LINGER": "100", "WORKER_DOOR_WAIT": "10"}, "WORKER_DRAIN_DEADLINE"),
        ({"WORKER_METRICS_PORT": "8080"}, "WORKER_METRICS_PORT"),
        ({"WORKER_DOOR_BUCKET": "others"}, "WORKER_DOOR_BUCKET"),
    ],
)
def test_the_door_must_fit_the_rest(values: dict[str, str], named: str) -> None:
    assert named in refusal({**QUEUE, **DOOR, **values})
