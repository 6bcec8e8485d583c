"""The container engine: Docker, Podman or Buildah, the first that answers, all driven by the same few words.

Needs nothing but Python, so that an image can be built where nothing of this project is installed.
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
ANSWER = 20.0  # seconds an engine has to say that it works
QUIET = 120.0  # seconds any command but a build may take


class EngineError(Exception):
    """Raised when no engine works, or one refuses; its text is for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine's command, and the environment it is called with beside ours."""

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def answers(self) -> bool:
        """Whether it is installed, and its daemon, if it has one, lets us in."""
        if not shutil.which(self.name):
            return False
        try:
            return self.run("info", patience=ANSWER).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def build(self, target: str, tag: str, arguments: Mapping[str, str], options: Sequence[str] = ()) -> None:
        """Build a target of the Dockerfile, its output shown as it comes. Raises EngineError."""
        # OCI's own format knows no HEALTHCHECK; Podman and Buildah drop it in silence unless told otherwise.
        form = () if self.name == "docker" else ("--format", "docker")
        given = [
            word for name, value in arguments.items() if value for word in ("--build-arg", f"{name}={value}")
        ]
        command = [self.name, "build", *form, "--target", target, "--tag", tag, *given, *options, str(ROOT)]
        sys.stderr.write(f"{' '.join(command)}\n")
        code = subprocess.run(command, check=False, env=self._env()).returncode  # noqa: S603 - our own words
        if code:
            raise EngineError(f"{self.name} could not build the image (exit status {code}); see above")

    def run(
        self, *words: str, given: str | None = None, patience: float = QUIET
    ) -> "subprocess.CompletedProcess[str]":
        """Run one of its commands to the end. Raises subprocess.TimeoutExpired after `patience` seconds."""
        return subprocess.run(  # noqa: S603 - our own words
            [self.name, *words],
            check=False,
            env=self._env(),
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            timeout=patience,
        )

    def ask(self, *words: str, given: str | None = None, patience: float = QUIET) -> str:
        """Run one of its commands, which must succeed; what it printed. Raises EngineError, TimeoutExpired."""
        done = self.run(*words, given=given, patience=patience)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
            raise EngineError(f"{self.name} {words[0]}: exit status {done.returncode}, {said[-1]}")
        return done.stdout.strip()

    def has(self, image: str) -> bool:
        """Whether an image is there, without looking for it elsewhere."""
        return self.run("image", "inspect", image).returncode == 0

    def image(self, tag: str) -> dict[str, Any]:
        """Everything the engine knows of an image. Raises EngineError."""
        facts: dict[str, Any] = json.loads(self.ask("image", "inspect", tag))[0]
        return facts

    def _env(self) -> dict[str, str]:
        return {**os.environ, **self.environment}


def find(names: Sequence[str] = BUILDERS) -> Engine | None:
    """Find the first engine that works; None when none does."""
    return next((engine for engine in map(Engine, names) if engine.answers()), None)


def reason(names: Sequence[str]) -> str:
    """Tell why none of these engines works."""
    there = [name for name in names if shutil.which(name)]
    if there:
        return f"installed, but not answering: {', '.join(there)} (is the daemon running? may you use it?)"
    return f"none of {', '.join(names)} is installed"
