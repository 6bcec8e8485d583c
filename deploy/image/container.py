"""Runs the image as an ECS task does: read-only, with one tmpfs, without capabilities."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

from deploy.image.engine import Engine, EngineError

HARDENED = (
    "--network=host",  # LocalStack and Valkey listen on this machine's loopback only
    "--read-only",
    "--tmpfs=/tmp",
    "--ipc=none",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
)
PODMAN = ("--read-only-tmpfs=false",)  # else /run and /var/tmp are writable, too
ENGINE_CHANGES = ("C /etc",)  # Podman adds its hosts file
STOP_TIMEOUT = 30  # seconds; ECS's default
PROBE = Path(__file__).parent / "probe.py"


class Container:
    """One running container."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name

    def run(self, *command: str, stdin: str | None = None, timeout: float = 60.0) -> tuple[int, str]:
        """Run a command in it; returns exit code and output. Raises TimeoutExpired."""
        words = ("exec", *(("-i",) if stdin else ()), self._name, *command)
        done = self._engine.run(*words, stdin=stdin, timeout=timeout)
        return done.returncode, (done.stdout + done.stderr).strip()

    def probe(self) -> dict[str, Any]:
        """Run probe.py inside; returns its facts. Raises EngineError."""
        code, output = self.run("python", "-", stdin=PROBE.read_text())
        if code:
            raise EngineError(f"the probe ended with {code}: {output[-300:]}")
        facts: dict[str, Any] = json.loads(output)
        return facts

    def changes(self) -> list[str]:
        """Return the changes to its layer, without the engine's own. Raises EngineError."""
        return [
            line for line in self._engine.ask("diff", self._name).splitlines() if line not in ENGINE_CHANGES
        ]

    def stop(self) -> tuple[int, float]:
        """Stop it as ECS does, with SIGKILL after STOP_TIMEOUT; returns exit code and seconds."""
        begun = time.monotonic()
        self._engine.ask("stop", "--time", str(STOP_TIMEOUT), self._name)
        code = int(self._engine.ask("wait", self._name))
        return code, time.monotonic() - begun

    def logs(self) -> list[str]:
        """Return the lines it has printed."""
        done = self._engine.run("logs", self._name)
        return (done.stdout + done.stderr).splitlines()

    def await_line(self, part: str, timeout: float) -> None:
        """Wait until it logs a line with `part`. Raises EngineError if it does not."""
        deadline = time.monotonic() + timeout
        while not any(part in line for line in self.logs()):
            running = self._engine.ask("inspect", "--format", "{{.State.Running}}", self._name) == "true"
            if not running or time.monotonic() > deadline:
                state = "is still at" if running else "ended after"
                raise EngineError(f"no {part} in its log; it {state}: {self.logs()[-1:]}")
            time.sleep(0.2)


@contextmanager
def start(engine: Engine, tag: str, environment: Mapping[str, str]) -> Iterator[Container]:
    """Start a worker, and remove it at the end. Raises EngineError."""
    # Named here, so that it can be removed even if Ctrl-C interrupts its start.
    name = f"image-check-{time.time_ns():x}"
    try:
        engine.ask("run", "--detach", "--name", name, *_options(engine), *_variables(environment), tag)
        yield Container(engine, name)
    finally:
        with suppress(TimeoutExpired):
            engine.run("rm", "--force", name)


def run_once(
    engine: Engine, tag: str, command: Sequence[str], environment: Mapping[str, str] | None = None
) -> tuple[int, list[str]]:
    """Run a command instead of the worker; returns its exit code, and the lines it has printed."""
    program, *arguments = command
    options = (*_options(engine), *_variables(environment or {}), "--entrypoint", program)
    done = engine.run("run", "--rm", *options, tag, *arguments)
    return done.returncode, (done.stdout + done.stderr).splitlines()


def _variables(environment: Mapping[str, str]) -> list[str]:
    return [word for pair in environment.items() for word in ("--env", "=".join(pair))]


def _options(engine: Engine) -> tuple[str, ...]:
    return (*HARDENED, *PODMAN) if engine.name == "podman" else HARDENED
