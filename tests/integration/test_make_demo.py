"""`make demo` and `make run` as people start them: with settings of their own, odd terminals, closed pipes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from localstack.services import ROOT
from tests.support.waiting import eventually

WITHIN = 120.0  # seconds
PORTS = [f"--{name}-port=0" for name in ("gateway", "redis", "door", "playground")]


@contextmanager
def start(folder: Path, *options: str, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """Start it, with its output in a pipe. If the test fails, it is stopped."""
    with subprocess.Popen(
        [sys.executable, "-m", "localstack", "--folder", str(folder), *PORTS, *options],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as run:
        try:
            yield run
        except BaseException:
            run.terminate()
            raise


@pytest.fixture
def hears_of_terminals() -> Iterator[None]:
    """What is started has a mind of its own about SIGHUP, though these tests run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def test_the_persons_own_settings_and_a_poor_terminal_change_nothing(tmp_path: Path) -> None:
    own = {"WORKER_BATCH_SIZE": "0", "AWS_PROFILE": "nobody", "http_proxy": "http://127.0.0.1:9"}
    with start(tmp_path, "--exit", PYTHONIOENCODING="ascii", **own) as demo:
        out, _ = demo.communicate(timeout=WITHIN)
    assert demo.returncode == 0, out
    (line,) = [line for line in out.splitlines() if line.startswith("Ignored here")]
    assert set(own) <= set(line.replace(",", "").split())
    assert "coffee.png" in out


@pytest.mark.parametrize("options", [["--exit"], []], ids=["demo", "run"])
def test_it_ends_when_nobody_reads_its_output_any_more(options: list[str], tmp_path: Path) -> None:
    with start(tmp_path, *options) as run:
        assert run.stdout
        assert any("LocalStack on port" in line for line in run.stdout)
        left = psutil.Process(run.pid).children(recursive=True)
        assert left
        run.stdout.close()
        run.wait(WITHIN)
    assert not [one for one in left if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.usefixtures("hears_of_terminals")
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT], ids=lambda number: number.name)
def test_a_terminal_that_is_closed_leaves_nothing_behind(number: signal.Signals, tmp_path: Path) -> None:
    with start(tmp_path) as run:
        eventually((tmp_path / "env").exists, patience=WITHIN)
        left = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(number)
        out, _ = run.communicate(timeout=WITHIN)
    assert run.returncode == 0, out
    assert "stopping" in out
    assert not (tmp_path / "env").exists()
    assert not [one for one in left if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def test_make_submit_takes_the_settings_of_make_run_alone(tmp_path: Path) -> None:
    recipe = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "submit", "PHOTO=photo.jpg"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    command = recipe[recipe.index("unset ") :]
    assert command.endswith('worker submit "photo.jpg"\n')
    (tmp_path / ".run").mkdir()
    (tmp_path / ".run" / "env").write_text("WORKER_BUCKETS=photos\n")
    own = {"WORKER_BATCH_SIZE": "0", "AWS_PROFILE": "nobody", "http_proxy": "http://127.0.0.1:9", "NICE": "1"}
    shown = subprocess.run(
        ["bash", "-c", command.replace("exec ", "env; true ")],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **own},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert {"WORKER_BUCKETS=photos", "NICE=1"} <= set(shown)
    assert not [line for line in shown if line.startswith(("AWS_", "WORKER_BATCH", "http_proxy"))]
