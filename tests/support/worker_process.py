"""The worker as a process of its own, and everything that can befall a process."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localstack.services import die_with_parent
from tests.support.stand import ROOT, eventually

END = 60.0  # seconds until a worker must have ended


class WorkerProcess:
    """Started at once; its log goes to a file, where `events` reads it. `program` runs in place of the worker's own."""

    def __init__(self, environment: Mapping[str, str], log: Path, program: str | None = None) -> None:
        self._log = log
        self.state_file = log.with_suffix(".state")
        own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "WORKER_"))}
        self._environment = {**own, **environment, "WORKER_STATE_FILE": str(self.state_file)}
        with log.open("w") as stream:
            self._process = subprocess.Popen(
                die_with_parent([sys.executable, *(["-c", program] if program else ["-m", "worker"])]),
                cwd=ROOT,
                env=self._environment,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )

    @property
    def name(self) -> str:
        """As its log is called."""
        return self._log.stem

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """What it has logged so far; lines that are not JSON are TensorFlow's."""
        lines = [line for line in self._log.read_text(errors="replace").splitlines() if line.startswith("{")]
        events = [json.loads(line) for line in lines if line.endswith("}")]
        return [event for event in events if name in {None, event["event"]}]

    def logs(self, name: str, times: int = 1) -> None:
        """Wait until it has logged an event so many times."""
        eventually(lambda: len(self.events(name)) >= times or self.has_ended(), self.tail, END)
        assert len(self.events(name)) >= times, f"it ended without {name}: {self.tail()}"

    def counts(self) -> Counter[str]:
        """How often it logged what."""
        return Counter(event["event"] for event in self.events())

    def tail(self) -> str:
        """Its last words, for a failed wait."""
        return self._log.read_text(errors="replace")[-3000:]

    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """End it with -9."""
        self._process.kill()
        self._process.wait(10)

    def freeze(self) -> None:
        """Let it stand still, as a paused container does."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def ask_to_stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal and do not wait."""
        self._process.send_signal(number)

    def ends(self) -> int:
        """Wait for the end; its exit code."""
        try:
            return self._process.wait(END)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end: {self.tail()}") from None

    def stop(self) -> int:
        """Ask it to stop and wait for the end; its exit code."""
        self.ask_to_stop()
        return self.ends()

    def health(self) -> tuple[int, str]:
        """What `python -m worker health` says of it."""
        done = subprocess.run(
            [sys.executable, "-m", "worker", "health"],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=END,
            check=False,
        )
        return done.returncode, done.stdout.partition(":")[0]

    def peak_memory(self) -> int:
        """Most bytes of memory it has had so far; 0 when it has ended."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return 0
        return 1024 * sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
