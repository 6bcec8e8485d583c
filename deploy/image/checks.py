"""What must hold of the image and of a worker that runs in it: each check gives what it saw, or raises FailedError."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.image.container import Container, run_once, started
from deploy.image.engine import ROOT, Engine
from deploy.image.report import FailedError
from worker import settings
from worker.client import Client

LARGEST = {"cpu": 1.4e9, "gpu": 7e9}  # bytes on disk, layers unpacked
USER = 10001
READY = 180.0  # seconds until a worker must poll
RESULT = 60.0  # seconds until a photo must be scored
EARLY = 1.0  # seconds after its start: Python imports what the worker is made of
SIGTERM = 15
PHOTO = ROOT / "localstack" / "photos" / "coffee.png"


@dataclass(frozen=True, slots=True)
class Image:
    """A built image, and the settings of the services that its workers are to use."""

    engine: Engine
    tag: str
    target: str
    environment: Mapping[str, str]

    def config(self) -> Mapping[str, Any]:
        """Give what the Dockerfile has declared, by Docker's names."""
        facts = self.engine.image(self.tag)
        config: dict[str, Any] = facts["Config"]
        health = config.get("Healthcheck") or facts.get("Healthcheck") or {}  # the second one is Podman's
        return {**config, "Healthcheck": health.get("Test", [])}

    def health_command(self) -> list[str]:
        """Give the words of its health check. Raises FailedError when a shell would be needed, or there is none."""
        kind, *words = self.config()["Healthcheck"] or ["none"]
        if kind != "CMD":
            raise FailedError(f"health check of the kind {kind}, not in exec form")
        return words


def declares(image: Image) -> str:
    """User, stop signal and start command in exec form."""
    config = image.config()
    seen = {name: config.get(name) for name in ("User", "StopSignal", "Entrypoint")}
    wanted = {"User": str(USER), "StopSignal": "SIGTERM", "Entrypoint": ["python", "-m", "worker"]}
    return expect(seen == wanted, ", ".join(f"{name} {json.dumps(value)}" for name, value in seen.items()))


def is_small(image: Image) -> str:
    """Bytes, against the bound."""
    size, most = image.engine.image(image.tag)["Size"], LARGEST[image.target]
    return expect(size <= most, f"{size / 1e6:.0f} MB, of {most / 1e6:.0f} MB allowed")


def misses_a_worker(image: Image) -> str:
    """A health check that cannot fail is worth nothing."""
    code = run_once(image.engine, image.tag, image.health_command())
    return expect(code == 1, f"exit {code} in a container without a worker")


def stops_while_it_starts(image: Image) -> str:
    """The first process gets no signal that it has no handler for: a stop must not be lost before there is one."""
    with started(image.engine, image.tag, image.environment) as container:
        time.sleep(EARLY)
        code, seconds = container.stop()
        polled = any('"polling"' in line for line in container.logs())
    return expect(code == 0 and not polled, f"exit {code}, {seconds:.1f} s after SIGTERM at {EARLY:.0f} s")


def scores(image: Image, container: Container) -> str:
    """From the upload to the result in Redis."""
    container.await_line('"polling"', READY)
    client = Client(settings.load(image.environment))
    result = client.wait(client.submit(PHOTO.read_bytes(), PHOTO.suffix), RESULT)
    return expect(result.status == "scored", f"{PHOTO.name}: {result.status}, score {result.score}")


def is_healthy(image: Image, container: Container) -> str:
    """The health check's own words."""
    begun = time.monotonic()
    code, said = container.run(*image.health_command())
    return expect(code == 0, f"exit {code} in {time.monotonic() - begun:.1f} s: {said}")


def runs_without_rights(facts: Mapping[str, Any]) -> str:
    """Who the first process is."""
    holds = facts["uid"] == USER and not facts["capabilities"]
    return expect(holds, f"uid {facts['uid']}, capabilities {facts['capabilities']:x}")


def is_first(facts: Mapping[str, Any]) -> str:
    """No shell stands between the engine and Python."""
    holds = facts["command"][1:] == ["-m", "worker"] and SIGTERM in facts["catches"]
    return expect(holds, f"PID 1: {' '.join(facts['command'])}; catches {facts['catches']}")


def is_read_only(facts: Mapping[str, Any]) -> str:
    """A file was to be made in every folder there is."""
    holds = facts["read_only"] and facts["writable"] and all(inside_tmp(path) for path in facts["writable"])
    mounted = "read-only" if facts["read_only"] else "WRITABLE"
    return expect(
        bool(holds), f"/ is {mounted}; of {facts['folders']} folders these took a file: {facts['writable']}"
    )


def writes_below_tmp(_image: Image, container: Container) -> str:
    """What the worker has written by now."""
    changes = [line for line in container.changes() if not inside_tmp(line.split()[-1])]
    left = container.run("find", "/tmp", "-type", "f")[1].split()  # noqa: S108 - the container's
    return expect(not changes, f"its layer: {changes or 'unchanged'}; there: {', '.join(left)}")


def has_no_tools(facts: Mapping[str, Any]) -> str:
    """Nothing to install or compile with."""
    found = [*facts["tools"], *(f"module {name}" for name in facts["modules"])]
    return expect(
        not found, ", ".join(found) or "no pip, setuptools, compiler, linker, make, git, curl or wget"
    )


def stops(container: Container) -> str:
    """The stop that ECS makes."""
    code, seconds = container.stop()
    return expect(code == 0, f"exit {code}, {seconds:.1f} s after SIGTERM")


def expect(holds: bool, seen: str) -> str:
    """Give what was seen, or raise FailedError with it."""
    if not holds:
        raise FailedError(seen)
    return seen


def inside_tmp(path: str) -> bool:
    """Whether a path is the one writable folder or lies in it."""
    return path == "/tmp" or path.startswith("/tmp/")  # noqa: S108 - the container's


OF_IMAGE: tuple[tuple[str, Callable[[Image], str]], ...] = (
    ("declares user, signal, exec form", declares),
    ("is small", is_small),
    ("is unhealthy without a worker", misses_a_worker),
    ("stops while it starts", stops_while_it_starts),
)
OF_CONTAINER: tuple[tuple[str, Callable[[Image, Container], str]], ...] = (
    ("scores a photo", scores),
    ("is healthy with one", is_healthy),
    ("writes below /tmp only", writes_below_tmp),
)
OF_FACTS: tuple[tuple[str, Callable[[Mapping[str, Any]], str]], ...] = (
    ("runs as nobody special", runs_without_rights),
    ("gets signals itself", is_first),
    ("has a read-only root", is_read_only),
    ("has no build tools", has_no_tools),
)
