"""The terminal shows every line of every worker, as it was written."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from localstack.playground.worker_log import WorkerLog
from localstack.worker_process import WorkerProcess


@pytest.mark.parametrize(
    "line", ["[info     ] scored", "[/]", "\\[bold]\\", "[link=http://x]ü[/link]", "x" * 500]
)
def test_a_line_is_shown_as_it_is(line: str, tmp_path: Path) -> None:
    terminal = io.StringIO()
    log = WorkerLog(Console(file=terminal, width=80))
    workers = [WorkerProcess(tmp_path / name, program=f"print({line!r})") for name in ("worker", "worker-2")]
    for worker in workers:
        log.show(worker)
    for worker in workers:
        worker.wait()
    log.end()
    assert terminal.getvalue() == f"worker │ {line}\n" * 2
