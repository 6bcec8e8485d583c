"""The container engine: the first of Docker, Podman and Buildah that answers.

Imports only the standard library: an image can be built where this project is not installed.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BUILDERS = ("docker", "podman", "buildah")
RUNNERS = ("docker", "podman")
ANSWER_TIMEOUT = 20.0  # seconds for an engine to answer at all
COMMAND_TIMEOUT = 120.0  # seconds for any command but a build


class EngineError(Exception):
    """Raised when no engine works, or a command of it fails; the text is shown to the user."""


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine's command, and variables to add to its environment."""

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def answers(self) -> bool:
        """Whether it is installed and its daemon, if it has one, accepts our commands."""
        if not shutil.which(self.name):
            return False
        try:
            return self.run("info", timeout=ANSWER_TIMEOUT).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def build(self, target: str, tag: str, arguments: Mapping[str, str], options: Sequence[str] = ()) -> None:
        """Build a target of the Dockerfile, with its output on the terminal. Raises EngineError."""
        # By default, Podman and Buildah build in the OCI format, which has no HEALTHCHECK.
        form = () if self.name == "docker" else ("--format", "docker")
        pairs = [f"{name}={value}" for name, value in arguments.items() if value]
        build_args = [word for pair in pairs for word in ("--build-arg", pair)]
        command = [
            self.name,
            "build",
            *form,
            "--target",
            target,
            "--tag",
            tag,
            *build_args,
            *options,
            str(ROOT),
        ]
        sys.stderr.write(f"{' '.join(command)}\n")
        code = subprocess.run(command, check=False, env=self._env()).returncode  # noqa: S603
        if code:
            raise EngineError(f"{self.name} could not build the image (exit status {code}); see above")

    def run(
        self, *words: str, stdin: str | None = None, timeout: float = COMMAND_TIMEOUT
    ) -> "subprocess.CompletedProcess[str]":
        """Run one of its commands. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        return subprocess.run(  # noqa: S603 - no shell
            [self.name, *words],
            check=False,
            env=self._env(),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def ask(self, *words: str, stdin: str | None = None, timeout: float = COMMAND_TIMEOUT) -> str:
        """Run one of its commands; returns its output. Raises EngineError and TimeoutExpired."""
        done = self.run(*words, stdin=stdin, timeout=timeout)
        if done.returncode:
            output = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
            raise EngineError(f"{self.name} {words[0]}: exit status {done.returncode}, {output[-1]}")
        return done.stdout.strip()

    def has(self, image: str) -> bool:
        """Whether the engine has an image locally."""
        return self.run("image", "inspect", image).returncode == 0

    def image(self, tag: str) -> dict[str, Any]:
        """Return what the engine knows about an image. Raises EngineError."""
        facts: dict[str, Any] = json.loads(self.ask("image", "inspect", tag))[0]
        return facts

    def _env(self) -> dict[str, str]:
        return {**os.environ, **self.environment}


def find(names: Sequence[str] = BUILDERS) -> Engine | None:
    """Find the first engine that works, if any."""
    return next((engine for engine in map(Engine, names) if engine.answers()), None)


def reason(names: Sequence[str]) -> str:
    """Explain why none of these engines works."""
    installed = [name for name in names if shutil.which(name)]
    if installed:
        return (
            f"installed, but not answering: {', '.join(installed)} (is the daemon running? may you use it?)"
        )
    return f"none of {', '.join(names)} is installed"
