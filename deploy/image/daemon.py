"""Starts a Docker daemon where Docker is installed but not running; touches no other daemon."""

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

START_TIMEOUT = 60.0  # seconds
STOP_TIMEOUT = 30.0  # seconds until it is killed


@contextmanager
def open_engine(folder: Path, names: Sequence[str] = engine.RUNNERS) -> Iterator[Engine]:
    """Yield an engine that can run containers, if necessary a daemon with its images in `folder`.

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
        raise EngineError(
            f"no engine to run the image with: {why}. As root, this command starts one by itself"
        )
    with (
        tempfile.TemporaryDirectory(prefix="image-check-") as runtime,
        _daemon(folder, Path(runtime)) as started,
    ):
        yield started


@contextmanager
def _daemon(folder: Path, runtime: Path) -> Iterator[Engine]:
    """Start it with its own socket and without bridge or firewall rules; stop it at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    socket = f"unix://{runtime}/docker.sock"
    folders = (f"--data-root={folder / 'docker'}", f"--exec-root={runtime}/run", f"--pidfile={runtime}/pid")
    network = ("--bridge", "none", "--iptables=false", "--ip6tables=false")
    with (folder / "dockerd.log").open("w") as log:
        command = die_with_parent(["dockerd", "--host", socket, *folders, *network])
        # A session of its own, so that Ctrl-C does not end it before its containers are removed.
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)  # noqa: S603
        try:
            yield _wait_until_ready(Engine("docker", {"DOCKER_HOST": socket}), process, folder)
        finally:
            _stop(process, runtime)


def _wait_until_ready(engine: Engine, process: "subprocess.Popen[bytes]", folder: Path) -> Engine:
    deadline = time.monotonic() + START_TIMEOUT
    while not engine.answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise EngineError(f"dockerd did not start; {folder / 'dockerd.log'} says why")
        time.sleep(0.2)
    return engine


def _stop(process: "subprocess.Popen[bytes]", runtime: Path) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_TIMEOUT)
    process.kill()
    process.wait()
    # dockerd leaves its network namespace mounted, and the folder could not be removed.
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for path in reversed([path for path in mounted if path.startswith(f"{runtime}/")]):
        subprocess.run(["umount", path], check=False)  # noqa: S603, S607
