"""A rig for each test."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from localstack.services import Services
from tests.faults.rig import Rig
from tests.integration import photos

_numbers = itertools.count(1)


@pytest.fixture
def rig(
    services: Services, reference_model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Rig]:
    """Bucket, queues, Valkey, proxies and audit of the test's own; workers that are left are ended with it."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "WORKER_"))]:
        monkeypatch.delenv(name)
    for name, value in services.environment().items():
        monkeypatch.setenv(name, value)
    environment = {**services.environment(), "WORKER_MODEL": str(reference_model)}
    made = Rig(services, tmp_path, environment, name=f"faults-{next(_numbers)}")
    try:
        yield made
    finally:
        made.finish()


@pytest.fixture
def photo() -> bytes:
    """A small photo of food."""
    return photos.coffee()
