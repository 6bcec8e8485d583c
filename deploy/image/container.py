"""A container of the image the way a task runs it: read-only, one tmpfs, no capability, no shared memory."""

import json
import time
from collections.abc import Iterator, Mapping
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
PODMAN = ("--read-only-tmpfs=false",)  # or it makes /run and /var/tmp writable, too
OWN = ("C /etc",)  # Podman hangs its hosts file in there
STOP = 30  # seconds that ECS waits by default, until it kills
PROBE = Path(__file__).parent / "probe.py"


class Container:
    """One running container."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name

    def run(self, *command: str, given: str | None = None, patience: float = 60.0) -> tuple[int, str]:
        """Run a command in it; exit code and output. Raises TimeoutExpired."""
        words = ("exec", *(("-i",) if given else ()), self._name, *command)
        done = self._engine.run(*words, given=given, patience=patience)
        return done.returncode, (done.stdout + done.stderr).strip()

    def probe(self) -> dict[str, Any]:
        """Tell what it looks like inside, see probe.py. Raises EngineError."""
        code, said = self.run("python", "-", given=PROBE.read_text())
        if code:
            raise EngineError(f"the probe ended with {code}: {said[-300:]}")
        facts: dict[str, Any] = json.loads(said)
        return facts

    def changes(self) -> list[str]:
        """Tell what was written to its own layer, but not by the engine. Raises EngineError."""
        return [line for line in self._engine.ask("diff", self._name).splitlines() if line not in OWN]

    def stop(self) -> tuple[int, float]:
        """Stop it as ECS does, by the image's signal and SIGKILL after STOP seconds; exit code, seconds it took."""
        begun = time.monotonic()
        self._engine.ask("stop", "--time", str(STOP), self._name)
        code = int(self._engine.ask("wait", self._name))
        return code, time.monotonic() - begun

    def logs(self) -> list[str]:
        """Give the lines it has printed."""
        done = self._engine.run("logs", self._name)
        return (done.stdout + done.stderr).splitlines()

    def await_line(self, part: str, patience: float) -> None:
        """Wait until it logs something. Raises EngineError when that does not come."""
        deadline = time.monotonic() + patience
        while not any(part in line for line in self.logs()):
            running = self._engine.ask("inspect", "--format", "{{.State.Running}}", self._name) == "true"
            if not running or time.monotonic() > deadline:
                state = "is still at" if running else "ended after"
                raise EngineError(f"no {part} in its log; it {state}: {self.logs()[-1:]}")
            time.sleep(0.2)


@contextmanager
def started(engine: Engine, tag: str, environment: Mapping[str, str]) -> Iterator[Container]:
    """Start a worker; remove it at the end, whatever comes. Raises EngineError."""
    name = (
        f"image-check-{time.time_ns():x}"  # ours, so that it can be removed though Ctrl-C cut its start short
    )
    given = [word for pair in environment.items() for word in ("--env", "=".join(pair))]
    try:
        engine.ask("run", "--detach", "--name", name, *_hardened(engine), *given, tag)
        yield Container(engine, name)
    finally:
        with suppress(TimeoutExpired):
            engine.run("rm", "--force", name)


def run_once(engine: Engine, tag: str, command: list[str]) -> int:
    """Run a command instead of the worker, to its end; its exit code."""
    return engine.run(
        "run", "--rm", *_hardened(engine), "--entrypoint", command[0], tag, *command[1:]
    ).returncode


def _hardened(engine: Engine) -> tuple[str, ...]:
    return (*HARDENED, *PODMAN) if engine.name == "podman" else HARDENED
