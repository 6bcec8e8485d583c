"""The command line: one file a command, the version, and what `health` must not import."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from worker import cli

ROOT = Path(__file__).parents[2]


def test_every_command_is_in_the_table() -> None:
    runnable = {
        path for path in (ROOT / "worker" / "commands").glob("*.py") if "\ndef run(" in path.read_text()
    }
    assert {path.stem.replace("_", "-") for path in runnable} == set(cli.COMMANDS)


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert (end.value.code, capsys.readouterr().out) == (0, f"photo-score-worker {version}\n")


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    check_help(capsys, command)


def test_every_command_of_a_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    commands = check_help(capsys, "dead-letters")
    assert commands == ["redrive", "delete", "cancel"]
    for command in commands:
        check_help(capsys, "dead-letters", command)


def check_help(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """Look at a command's usage, description and example. Return the commands that it has itself."""
    with pytest.raises(SystemExit) as end:
        cli.main([*words, "--help"])
    out, command = capsys.readouterr().out, " ".join(words)
    assert end.value.code == 0
    assert out.startswith(f"usage: python -m worker {command}")
    assert not out.split("\n\n")[1].startswith(("options:", "positional arguments:"))
    assert re.search(rf"^example:\n  .*python -m worker {command}\b", out, re.MULTILINE)
    return re.findall(r"^    ([\w-]+)  ", out.partition("\ncommands:\n")[2], re.MULTILINE)


@pytest.mark.parametrize("command", [["--help"], ["dead-letters", "--help"]])
def test_a_terminal_that_lacks_letters_shows_the_others(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "worker", *command],
        env={"PYTHONIOENCODING": "ascii"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage: python -m worker" in done.stdout


def test_an_image_tells_its_commit() -> None:
    code = "from worker import cli; cli.main(['--version'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PHOTO_SCORE_VERSION": "0.1.0+abc1234"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "photo-score-worker 0.1.0+abc1234\n"


@pytest.mark.parametrize(
    ("command", "heavy"),
    [
        ("health", {"pydantic", "numpy", "structlog", "boto3", "redis", "tensorflow"}),
        ("schema", {"boto3", "redis", "tensorflow"}),
        ("dead-letters", {"tensorflow"}),
        ("rehash", {"tensorflow"}),
    ],
)
def test_a_command_imports_no_more_than_it_needs(command: str, heavy: set[str]) -> None:
    code = (
        f"import sys; from worker import cli; cli.main([{command!r}]); print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={}, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not heavy & set(done.stderr.split())


def test_a_closed_pipe_is_reported_as_the_shell_does() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", "health"],
        env={},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    process.stdout.close()
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (141, b"")


@pytest.mark.parametrize("command", ["run", "submit", "forget", "dead-letters"])
def test_a_reader_of_stderr_that_has_gone_changes_no_exit_code(command: str) -> None:
    read, write = os.pipe()
    os.close(read)
    arguments = {"submit": ["photo.jpg"], "forget": ["some-id"]}.get(command, [])
    done = subprocess.run(
        [sys.executable, "-m", "worker", command, *arguments],
        env={"PATH": os.environ["PATH"], "WORKER_BUCKETS": "photos"},  # other settings are missing
        cwd=ROOT,
        stderr=write,
        check=False,
    )
    os.close(write)
    assert done.returncode == 2
