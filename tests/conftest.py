"""Real services for the whole run, and a bucket, queues and a Redis for each test."""

import itertools
import os
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import Phase
from hypothesis import settings as hypothesis

from localstack.services import Services
from tests.support import ROOT
from tests.support.rig import Rig

REFERENCE_MODEL = ROOT / "models" / "reference" / "built" / "reference"
_numbers = itertools.count(1)

# Examples may be slow on a slow machine.
hypothesis.register_profile("no deadline", deadline=None)
hypothesis.load_profile("no deadline")
# For mutants: that there is an example is enough, the simplest is not looked for.
hypothesis.register_profile(
    "mutants",
    deadline=None,
    max_examples=25,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)


class Failures:
    """Names each failed test at once: a long run that is cut off has no summary."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Hear of a test that was run, here or in another process."""
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and terminal:
            terminal.write_line(f" FAILED {report.nodeid}")


def pytest_configure(config: pytest.Config) -> None:
    """Name failures. A shell's background jobs ignore Ctrl-C, and so would the processes that tests interrupt."""
    config.pluginmanager.register(Failures(config))
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def pillow_may_warn_of_metadata() -> None:
    """Ignore Pillow's warnings, as in production; pytest resets the filters for every test."""
    warnings.filterwarnings("ignore", module=r"PIL\.")


@pytest.fixture(autouse=True)
def log_is_not_set_up() -> None:
    """Forget how another test's worker set up the log: its level would hide entries."""
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """LocalStack and Valkey on free ports, unless others run already: their ports are in RUNNING_SERVICES."""
    if ports := os.environ.get("RUNNING_SERVICES"):
        gateway, valkey = map(int, ports.split())
        yield Services(tmp_path_factory.mktemp("services"), gateway_port=gateway, redis_port=valkey)
        return
    with Services(tmp_path_factory.mktemp("services")) as running:
        yield running


@pytest.fixture(scope="session")
def reference_model() -> Path:
    """The built reference model; `make test` builds it."""
    if not REFERENCE_MODEL.is_dir():
        pytest.fail(f"{REFERENCE_MODEL} is missing: run `make model`")
    return REFERENCE_MODEL


@pytest.fixture
def environment(services: Services, reference_model: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A worker's environment variables. boto3 in this process finds the services by them too."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "WORKER_"))]:
        monkeypatch.delenv(name)
    for name, value in services.environment().items():
        monkeypatch.setenv(name, value)
    return {**services.environment(), "WORKER_MODEL": str(reference_model)}


@pytest.fixture
def rig(environment: dict[str, str], tmp_path: Path) -> Iterator[Rig]:
    """A bucket, queues and an empty Redis."""
    environment["WORKER_STATE_FILE"] = str(tmp_path / "state.json")
    rig = Rig(f"test-{next(_numbers)}", environment, tmp_path)
    yield rig
    rig.close()
