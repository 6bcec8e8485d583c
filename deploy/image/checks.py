"""The checks of the image. Each returns what it saw, or raises FailedError."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from deploy.image.build import version
from deploy.image.container import Container, run_once, start
from deploy.image.engine import ROOT, Engine
from deploy.image.report import FailedError
from localstack.services import HOST
from worker import settings
from worker.client import Client
from worker.result import Result

MAX_SIZE = {"cpu": 1.4e9, "cpu-slim": 450e6, "gpu": 7e9}  # bytes on disk, unpacked
USER = 10001
START_TIMEOUT = 180.0  # seconds until a worker polls
RESULT_TIMEOUT = 60.0  # seconds until a photo is scored
EARLY = 1.0  # seconds after the start, while Python imports the worker
SIGTERM = 15
CONFIGURATION = 2  # exit code of a worker that cannot start as it is set
# The worker on the image's model without its translation.
BARE = (
    "cp -r /app/models/reference/built/reference /tmp/bare && rm -r /tmp/bare/*/translation "
    "&& WORKER_MODEL=/tmp/bare exec python -m worker"
)
PHOTO = ROOT / "localstack" / "photos" / "coffee.png"


@dataclass(frozen=True, slots=True)
class Image:
    """A built image, and the settings that connect its workers to the services."""

    engine: Engine
    tag: str
    target: str
    environment: Mapping[str, str]

    def config(self) -> Mapping[str, Any]:
        """Return what the Dockerfile declares, under Docker's names."""
        facts = self.engine.image(self.tag)
        config: dict[str, Any] = facts["Config"]
        # Podman has the health check one level up.
        health = config.get("Healthcheck") or facts.get("Healthcheck") or {}
        return {**config, "Healthcheck": health.get("Test", [])}

    def health_command(self) -> list[str]:
        """Return the health check's command. Raises FailedError unless it has one in exec form."""
        kind, *words = self.config()["Healthcheck"] or ["none"]
        if kind != "CMD":
            raise FailedError(f"health check of kind {kind}, not in exec form")
        return words


def declares(image: Image) -> str:
    """User, stop signal, start command in exec form, and the door's port."""
    config = image.config()
    seen = {name: config.get(name) for name in ("User", "StopSignal", "Entrypoint", "ExposedPorts")}
    expected = {
        "User": str(USER),
        "StopSignal": "SIGTERM",
        "Entrypoint": ["python", "-m", "worker"],
        "ExposedPorts": {"8080/tcp": {}},
    }
    return expect(seen == expected, ", ".join(f"{name} {json.dumps(value)}" for name, value in seen.items()))


def is_small(image: Image) -> str:
    """Size on disk."""
    size, limit = image.engine.image(image.tag)["Size"], MAX_SIZE[image.target]
    return expect(size <= limit, f"{size / 1e6:.0f} MB, of {limit / 1e6:.0f} MB allowed")


def tells_its_version(image: Image) -> str:
    """`--version` names the commit that the image was built from."""
    code, lines = run_once(image.engine, image.tag, ("python", "-m", "worker", "--version"))
    return expect(code == 0 and lines == [f"photo-score-worker {version()}"], " / ".join(lines))


def misses_a_worker(image: Image) -> str:
    """The health check fails when no worker runs."""
    code, _ = run_once(image.engine, image.tag, image.health_command())
    return expect(code == 1, f"exit {code} in a container without a worker")


def stops_while_it_starts(image: Image) -> str:
    """PID 1 gets no signal without a handler, so a stop could get lost during the start."""
    with start(image.engine, image.tag, image.environment) as container:
        time.sleep(EARLY)
        code, seconds = container.stop()
        polled = any('"polling"' in line for line in container.logs())
    return expect(code == 0 and not polled, f"exit {code}, {seconds:.1f} s after SIGTERM at {EARLY:.0f} s")


def needs_a_translation(image: Image) -> str:
    """A model without a translation is refused in one line, for want of TensorFlow."""
    code, lines = run_once(image.engine, image.tag, ("sh", "-c", BARE), image.environment)
    words = [line for line in lines if not line.startswith("{")]  # not those of the log
    refused = code == CONFIGURATION and len(words) == 1 and "has no translation" in words[0]
    return expect(refused, f"exit {code}: {' / '.join(words) or 'no word'}")


def scores(image: Image, container: Container) -> str:
    """A photo, from the upload to the result in Redis."""
    container.await_line('"polling"', START_TIMEOUT)
    client = Client(settings.load(image.environment))
    result = client.wait(client.submit(PHOTO.read_bytes(), PHOTO.suffix), RESULT_TIMEOUT)
    return expect(result.status == "scored", f"{PHOTO.name}: {result.status}, score {result.score}")


def scores_by_http(image: Image, _container: Container) -> str:
    """A photo by HTTP, from the request to the result in the answer."""
    address = f"http://{HOST}:{image.environment['WORKER_DOOR_PORT']}/images"
    try:
        answer = httpx.post(address, content=PHOTO.read_bytes(), timeout=RESULT_TIMEOUT)
    except httpx.HTTPError as error:
        raise FailedError(f"{address}: {error}") from error
    if answer.status_code != httpx.codes.OK:
        raise FailedError(f"{answer.status_code}: {answer.text}")
    result = Result.model_validate_json(answer.content)
    return expect(result.status == "scored", f"{PHOTO.name}: {result.status}, score {result.score}")


def is_healthy(image: Image, container: Container) -> str:
    """The health check passes."""
    begun = time.monotonic()
    code, output = container.run(*image.health_command())
    return expect(code == 0, f"exit {code} in {time.monotonic() - begun:.1f} s: {output}")


def carries_its_translation(_image: Image, container: Container) -> str:
    """The worker has taken the translation from the image, and made none."""
    logs = container.logs()
    chosen = [json.loads(line) for line in logs if '"engine_chosen"' in line]
    refused = [line for line in logs if '"translation_refused"' in line]
    made = container.run("find", "/tmp", "-path", "*/translations/*")[1].split()  # noqa: S108 - the container's
    seen = [f"{one['engine']}, {one.get('reason') or 'chosen by a race'}" for one in chosen]
    return expect(bool(chosen) and not refused and not made, "; ".join([*seen, *refused, *made]))


def runs_without_rights(facts: Mapping[str, Any]) -> str:
    """PID 1 has an ordinary user and no capabilities."""
    holds = facts["uid"] == USER and not facts["capabilities"]
    return expect(holds, f"uid {facts['uid']}, capabilities {facts['capabilities']:x}")


def is_first(facts: Mapping[str, Any]) -> str:
    """PID 1 is Python, not a shell, and handles SIGTERM."""
    holds = facts["command"][1:] == ["-m", "worker"] and SIGTERM in facts["catches"]
    return expect(holds, f"PID 1: {' '.join(facts['command'])}; catches {facts['catches']}")


def is_read_only(facts: Mapping[str, Any]) -> str:
    """No folder outside /tmp takes a file; the probe tries every folder."""
    holds = facts["read_only"] and facts["writable"] and all(inside_tmp(path) for path in facts["writable"])
    mounted = "read-only" if facts["read_only"] else "WRITABLE"
    seen = f"/ is {mounted}; of {facts['folders']} folders these took a file: {facts['writable']}"
    return expect(bool(holds), seen)


def writes_below_tmp(_image: Image, container: Container) -> str:
    """The worker has written nothing outside /tmp."""
    changes = [line for line in container.changes() if not inside_tmp(line.split()[-1])]
    files = container.run("find", "/tmp", "-type", "f")[1].split()  # noqa: S108 - the container's
    return expect(not changes, f"its layer: {changes or 'unchanged'}; in /tmp: {', '.join(files)}")


def decodes_apart(facts: Mapping[str, Any]) -> str:
    """Photos are decoded in processes of their own, which need no /dev/shm."""
    shared = "WRITABLE" if "/dev/shm" in facts["writable"] else "not writable"  # noqa: S108 - the container's
    holds = facts["decoders"] > 1 and shared != "WRITABLE"
    return expect(holds, f"{facts['decoders']} processes for decoding; /dev/shm is {shared}")


def has_what_settings_ask_for(facts: Mapping[str, Any]) -> str:
    """slim.sh has left what each setting needs: hashes, formats, AWS's services."""
    return expect(not facts["missing"], ", ".join(facts["missing"]) or "hashes, formats, AWS's services")


def has_no_tools(facts: Mapping[str, Any]) -> str:
    """No tools to install or compile with."""
    found = [*facts["tools"], *(f"module {name}" for name in facts["modules"])]
    none = "no pip, setuptools, compiler, linker, make, git, curl or wget"
    return expect(not found, ", ".join(found) or none)


def stops(container: Container) -> str:
    """SIGTERM, as ECS sends it, ends the worker in order."""
    code, seconds = container.stop()
    return expect(code == 0, f"exit {code}, {seconds:.1f} s after SIGTERM")


def expect(holds: bool, seen: str) -> str:
    """Return what was seen, or raise FailedError with it."""
    if not holds:
        raise FailedError(seen)
    return seen


def inside_tmp(path: str) -> bool:
    """Whether a path is the one writable folder or below it."""
    return path == "/tmp" or path.startswith("/tmp/")  # noqa: S108 - the container's


IMAGE_CHECKS: tuple[tuple[str, Callable[[Image], str]], ...] = (
    ("declares user, signal, exec form", declares),
    ("is small", is_small),
    ("tells its version", tells_its_version),
    ("is unhealthy without a worker", misses_a_worker),
    ("stops while it starts", stops_while_it_starts),
)
# Of one target.
TARGET_CHECKS: Mapping[str, tuple[tuple[str, Callable[[Image], str]], ...]] = {
    "cpu-slim": (("refuses a model without translation", needs_a_translation),)
}
CONTAINER_CHECKS: tuple[tuple[str, Callable[[Image, Container], str]], ...] = (
    ("scores a photo of the queue", scores),
    ("scores a photo by HTTP", scores_by_http),
    ("starts from its translation", carries_its_translation),
    ("is healthy with one", is_healthy),
    ("writes below /tmp only", writes_below_tmp),
)
FACT_CHECKS: tuple[tuple[str, Callable[[Mapping[str, Any]], str]], ...] = (
    ("runs without privileges", runs_without_rights),
    ("gets signals itself", is_first),
    ("has a read-only root", is_read_only),
    ("decodes in processes of their own", decodes_apart),
    ("has what settings ask for", has_what_settings_ask_for),
    ("has no build tools", has_no_tools),
)
