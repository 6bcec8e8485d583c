"""A Docker daemon of our own, for machines where one is installed and none runs; nobody else's is touched."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.image import engine
from deploy.image.engine import Engine, EngineError
from localstack.services import die_with_parent

START = 60.0  # seconds until it must answer
STOP = 30.0  # seconds until it is killed


@contextmanager
def runner(folder: Path, names: Sequence[str] = engine.RUNNERS) -> Iterator[Engine]:
    """Give an engine that can run containers: one that is there, or our own; images of our own stay in `folder`.

    Raises EngineError when there is none.
    """
    found = engine.find(names)
    if found:
        yield found
        return
    why = engine.reason(names)
    if "docker" not in names or not (shutil.which("dockerd") and shutil.which("docker")):
        raise EngineError(f"no engine to run the image with: {why}. On Debian: apt-get install docker.io")
    if os.geteuid() != 0:
        raise EngineError(f"no engine to run the image with: {why}. Root could start one for the check")
    with tempfile.TemporaryDirectory(prefix="image-check-") as runtime, _daemon(folder, Path(runtime)) as own:
        yield own


@contextmanager
def _daemon(folder: Path, runtime: Path) -> Iterator[Engine]:
    """Start it on a socket of its own, with no bridge and no firewall rules; stop it at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    socket = f"unix://{runtime}/docker.sock"
    places = (
        "--data-root",
        str(folder / "docker"),
        "--exec-root",
        f"{runtime}/run",
        "--pidfile",
        f"{runtime}/pid",
    )
    network = ("--bridge", "none", "--iptables=false", "--ip6tables=false")
    with (folder / "dockerd.log").open("w") as log:
        command = die_with_parent(["dockerd", "--host", socket, *places, *network])
        # A session of its own: the terminal's Ctrl-C must not take it away before its containers are removed.
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)  # noqa: S603 - our own words
        try:
            yield _ready(Engine("docker", {"DOCKER_HOST": socket}), process, folder)
        finally:
            _stop(process, runtime)


def _ready(own: Engine, process: "subprocess.Popen[bytes]", folder: Path) -> Engine:
    deadline = time.monotonic() + START
    while not own.answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise EngineError(f"dockerd did not start; {folder / 'dockerd.log'} says why")
        time.sleep(0.2)
    return own


def _stop(process: "subprocess.Popen[bytes]", runtime: Path) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP)
    process.kill()
    process.wait()
    # It leaves its network namespace mounted, which keeps the folder from being removed.
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for path in reversed([path for path in mounted if path.startswith(f"{runtime}/")]):
        subprocess.run(["umount", path], check=False)  # noqa: S603, S607 - below our own folder
