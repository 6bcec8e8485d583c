"""Child processes: the worker, or another Python program, with its output in a file."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import psutil

from localstack.services import ROOT, ServicesError, die_with_parent

START = 120.0  # seconds until a child must be ready
STOP = 60.0  # seconds until a child that was asked to stop is killed
TAIL = 3000  # characters of a log that an error shows


class ChildProcess:
    """A Python program that Ctrl-C at our terminal does not reach, and that ends when we do.

    `environment` is its whole environment; the default is ours. Its output goes to the file `log`;
    `stdout` sends standard output elsewhere.
    """

    def __init__(
        self,
        log: Path,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        stdout: int | IO[Any] | None = None,
    ) -> None:
        self.log = log
        with log.open("w") as stream:
            self._process = subprocess.Popen(  # noqa: S603 - a program of this project
                die_with_parent([sys.executable, *arguments]),
                cwd=ROOT,
                env=environment,
                stdout=stream if stdout is None else stdout,
                stderr=stream,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def has_ended(self) -> bool:
        """Whether it no longer runs."""
        return self._process.poll() is not None

    def output(self) -> str:
        """Everything in its log so far."""
        return self.log.read_text(errors="replace")

    def wait_for_text(self, text: str, times: int = 1, within: float = START) -> None:
        """Wait until a text is in its log so many times. Raises ServicesError when it ends before, or is late."""
        deadline = time.monotonic() + within
        while True:
            has_ended = self.has_ended()
            if self.output().count(text) >= times:
                return
            if has_ended or time.monotonic() > deadline:
                state = (
                    f"ended with exit code {self.wait()}" if has_ended else f"still runs after {within:.0f} s"
                )
                raise ServicesError(f"no {text} from {self.log.stem}, which {state}; {self.tail()}")
            time.sleep(0.05)

    def tail(self) -> str:
        """The last lines of its log, for an error."""
        return f"its log ends with\n{self.output()[-TAIL:]}"

    def freeze(self) -> None:
        """Make it stand still, like a paused container."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._process.kill()
        self._process.wait()

    def ask_to_stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal and return at once."""
        self._process.send_signal(number)

    def wait(self, within: float | None = STOP) -> int:
        """Wait for its end and return the exit code. Raises ServicesError when it still runs after `within` seconds."""
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            raise ServicesError(f"{self.log.stem} still runs after {within:.0f} s; {self.tail()}") from None

    def stop(self, within: float = STOP) -> int:
        """Stop it and return the exit code; kill it and its children after `within` seconds."""
        if not self.has_ended():
            os.killpg(self.pid, signal.SIGCONT)  # a frozen process would not notice the signal
            self.ask_to_stop()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(within)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self._process.wait()


class WorkerProcess(ChildProcess):
    """`python -m worker`, logging JSON. `arguments` name a command other than `run`."""

    def __init__(
        self,
        log: Path,
        *arguments: str,
        environment: Mapping[str, str] = os.environ,
        stdout: int | IO[Any] | None = None,
        program: str = "",
    ) -> None:
        """Start it, or Python code `program` in its place."""
        self.state_file = Path(environment.get("WORKER_STATE_FILE", log.with_suffix(".state")))
        self._environment = {**environment, "WORKER_STATE_FILE": str(self.state_file)}
        command = ("-c", program) if program else ("-m", "worker", *arguments)
        super().__init__(log, *command, environment=self._environment, stdout=stdout)

    def wait_for(self, event: str, times: int = 1, within: float = START) -> None:
        """Wait until it has logged an event so many times. Raises ServicesError when it ends before, or is late."""
        self.wait_for_text(_entry(event), times, within)

    def count(self, event: str) -> int:
        """How many times it has logged an event."""
        return self.output().count(_entry(event))

    def counts(self) -> Counter[str]:
        """How many times it has logged each event."""
        return Counter(event["event"] for event in self.events())

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """Its log entries so far, or those of one event; TensorFlow's own lines are left out."""
        entry = _entry(name) if name else ""
        lines = self.output().splitlines()
        return [json.loads(line) for line in lines if line[:1] + line[-1:] == "{}" and entry in line]

    def health(self) -> tuple[int, str]:
        """Run `python -m worker health` on it; the exit code and the first word."""
        done = subprocess.run(
            [sys.executable, "-m", "worker", "health"],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=STOP,
            check=False,
        )
        return done.returncode, done.stdout.partition(":")[0]

    def peak_memory(self) -> int:
        """The most memory it has had so far, in bytes; 0 after its end."""
        return _peak_memory(self.pid)

    def peak_memory_of_decoders(self) -> int:
        """The same, of the processes that decode for it. What they share counts more than once."""
        return sum(_peak_memory(process.pid) for process in self.decoders())

    def decoders(self) -> list[psutil.Process]:
        """The processes that decode photos for it now."""
        try:
            zygotes = psutil.Process(self.pid).children()
            return [decoder for zygote in zygotes for decoder in zygote.children()]
        except psutil.NoSuchProcess:
            return []


def _peak_memory(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def _entry(event: str) -> str:
    return f'"event":"{event}"'
