"""Stores on a real Valkey."""

import pytest

from localstack.services import Services
from tests.integration.redis.photos import connect
from tests.support.rig import Rig
from worker.adapters.redis.store import RedisStore


@pytest.fixture(scope="module")
def url(services: Services) -> str:
    return services.environment()["WORKER_REDIS_URL"]


@pytest.fixture
def store(rig: Rig) -> RedisStore:
    """A store on an empty Valkey."""
    return connect(rig.environment["WORKER_REDIS_URL"])
