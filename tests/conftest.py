"""Real services for the whole run, and a bucket, queues and a Redis for each test."""

import itertools
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis

from localstack.services import Services
from tests.support.rig import Rig

ROOT = Path(__file__).parents[1]
REFERENCE_MODEL = ROOT / "models" / "reference" / "built" / "reference"
_numbers = itertools.count(1)

# Examples may be slow on a slow machine.
hypothesis.register_profile("no deadline", deadline=None)
hypothesis.load_profile("no deadline")


@pytest.fixture(autouse=True)
def pillow_may_warn_of_metadata() -> None:
    """Ignore Pillow's warnings, as in production; pytest resets the filters for every test."""
    warnings.filterwarnings("ignore", module=r"PIL\.")


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """LocalStack and Valkey on free ports."""
    with Services(tmp_path_factory.mktemp("services")) as running:
        yield running


@pytest.fixture(scope="session")
def reference_model() -> Path:
    """The built reference model; `make test` builds it."""
    if not REFERENCE_MODEL.is_dir():
        pytest.fail(f"{REFERENCE_MODEL} is missing: run `make model`")
    return REFERENCE_MODEL


@pytest.fixture
def rig(
    services: Services, reference_model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Rig]:
    """A bucket, queues and a Redis database that no other test uses."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "WORKER_"))]:
        monkeypatch.delenv(name)
    for name, value in services.environment().items():
        monkeypatch.setenv(name, value)
    ours = {"WORKER_MODEL": str(reference_model), "WORKER_STATE_FILE": str(tmp_path / "state.json")}
    made = Rig(f"test-{next(_numbers)}", {**services.environment(), **ours}, tmp_path)
    yield made
    made.close()
