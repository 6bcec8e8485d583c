"""Ctrl-C at any moment of a program that people start: one line, no traceback, a shell's exit code 130."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT
from worker.cli import COMMANDS

MAKEFILE = (ROOT / "Makefile").read_text()
PROGRAMS = sorted(set(re.findall(r"(?:/python|PYTHON\)) -m ([\w.]+)", MAKEFILE)) - {"pytest", "venv"})
# Interrupts the program at the first import, once it has come so far that it can answer.
EARLY = """
import signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if "worker.interrupts" in sys.modules:
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
"""
# Interrupts it when it looks at its arguments.
LATE = """
import argparse, signal
argparse.ArgumentParser.parse_args = lambda *_: signal.raise_signal(signal.SIGINT)
"""


def interrupt(plant: str, folder: Path, *program: str) -> subprocess.CompletedProcess[str]:
    (folder / "sitecustomize.py").write_text(plant)
    return subprocess.run(
        [sys.executable, "-m", *program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_during_the_imports(program: str, tmp_path: Path) -> None:
    done = interrupt(EARLY, tmp_path, program)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "stopped\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_in_a_command_of_the_worker(command: str, tmp_path: Path) -> None:
    done = interrupt(LATE, tmp_path, "worker", command)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", f"worker {command}: stopped\n")


def test_what_is_no_interrupt_keeps_its_traceback(tmp_path: Path) -> None:
    done = interrupt(EARLY.replace("signal.raise_signal(signal.SIGINT)", "1 / 0"), tmp_path, "worker")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError" in done.stderr
