"""What a decoder process has of the worker: nothing but a socket and the shared memory."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from bench.hostile import photos as hostile
from tests.support import ROOT
from tests.support.waiting import eventually
from worker.decoders.child import CONSTANT, PER_BYTE, PER_PIXEL
from worker.decoders.decoder import Decoder
from worker.decoders.nursery import Nursery
from worker.photos.decoding import Target
from worker.telemetry.counters import Telemetry

MAX_BYTES, MAX_PIXELS = 2_000_000, 4_000_000


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    os.environ["AWS_SECRET_ACCESS_KEY"] = os.environ["WORKER_REDIS_URL"] = "a secret"
    leaky = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(leaky, True)
    try:
        decoder = Decoder(
            Nursery("phash"),
            Target(32, 32, "crop"),
            max_bytes=MAX_BYTES,
            max_pixels=MAX_PIXELS,
            at_once=1,
            timeout=30,
            telemetry=Telemetry(),
        )
    finally:
        del os.environ["AWS_SECRET_ACCESS_KEY"], os.environ["WORKER_REDIS_URL"]
        os.close(leaky)
    with closing(decoder):
        decoder.start()
        decoder.decode([hostile.tiny("JPEG")])
        yield decoder


@pytest.fixture(scope="module")
def process(decoder: Decoder) -> Path:
    """The process's folder in /proc."""
    (child,) = psutil.Process(decoder.nursery.pid).children()
    return Path(f"/proc/{child.pid}")


def status(process: Path, name: str) -> str:
    lines = (process / "status").read_text().splitlines()
    return next(line.split(":")[1].strip() for line in lines if line.startswith(f"{name}:"))


def limits(process: Path) -> dict[str, str]:
    lines = (process / "limits").read_text().splitlines()
    return {line[:26].strip(): line[26:].split()[1] for line in lines}


def test_its_environment_has_nothing_of_aws_or_redis(process: Path) -> None:
    environment = (process / "environ").read_bytes()
    assert b"PYTHONPATH=" in environment
    assert b"AWS_" not in environment
    assert b"WORKER_" not in environment
    assert b"secret" not in environment


def test_it_has_no_descriptor_of_the_worker(process: Path) -> None:
    targets = [str(entry.readlink()) for entry in (process / "fd").iterdir()]
    kinds = sorted(target.split("[")[0] for target in targets)
    assert kinds == ["/dev/null"] * 3 + ["/memfd:photo (deleted)", f"{process}/statm", "socket:"]


def test_it_imports_only_what_decoding_needs(process: Path) -> None:
    maps = (process / "maps").read_text()
    assert "PIL/" in maps
    for library in ("tensorflow", "hiredis", "pydantic"):
        assert library not in maps


def test_it_has_one_thread_as_has_the_zygote(decoder: Decoder, process: Path) -> None:
    assert status(process, "Threads") == "1"
    assert status(Path(f"/proc/{decoder.nursery.pid}"), "Threads") == "1"


def test_it_can_gain_no_rights_and_dumps_no_core(process: Path) -> None:
    assert status(process, "NoNewPrivs") == "1"
    assert limits(process)["Max core file size"] == "0"
    assert (process / "oom_score_adj").read_text().strip() == "1000"


@pytest.mark.skipif(os.geteuid() != 0, reason="shows only as root, who could read it anyway")
def test_nobody_else_can_look_into_it(process: Path) -> None:
    # A process that is not dumpable belongs to root, whoever runs it.
    assert (process / "environ").stat().st_uid == 0


HIDDEN = """
import ctypes, os
from worker.decoders.confinement import PR_SET_DUMPABLE, hide_process
if os.getuid() == 0:
    os.setuid(65534)  # root could look into any process
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # as a process is that began with this user
before = os.stat("/proc/self/environ").st_uid
hide_process()
print(before == os.getuid(), os.stat("/proc/self/environ").st_uid)
"""


def test_nobody_can_look_into_the_worker_either() -> None:
    command = [sys.executable, "-c", HIDDEN]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert run.stdout == "True 0\n", run.stderr


def test_its_files_and_its_memory_are_bounded(process: Path) -> None:
    bounds = limits(process)
    assert int(bounds["Max file size"]) == MAX_BYTES
    assert int(bounds["Max open files"]) == 16
    most = CONSTANT + PER_PIXEL * MAX_PIXELS + PER_BYTE * MAX_BYTES
    used = 1024 * int(status(process, "VmSize").split()[0])
    assert int(bounds["Max address space"]) <= used + most + 32_000_000


def test_a_stop_signal_does_not_end_it(decoder: Decoder, process: Path) -> None:
    for pid in (decoder.nursery.pid, int(process.name)):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(pid, number)
    decoder.decode([hostile.tiny("JPEG")])
    assert process.exists()


PARENT = """
import os, sys, time
from worker.decoders.decoder import Decoder
from worker.decoders.nursery import Nursery
from worker.photos.decoding import Target
from worker.telemetry.counters import Telemetry
sys.path.insert(0, "tests/support/faults/planted")
decoder = Decoder(Nursery("phash"), Target(8, 8, "crop"), max_bytes=10**6, max_pixels=10**6, at_once=2, timeout=300,
                  telemetry=Telemetry())
decoder.start()
print("ready", flush=True)
decoder.decode([b"#fault:spin"])
"""


def test_it_ends_with_the_worker_whatever_it_is_doing() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
        family = psutil.Process(worker.pid).children(recursive=True)
        assert len(family) == 3
        eventually(lambda: any(one.cpu_times().user > 0.3 for one in family[1:]), lambda: family)
        worker.kill()
    _, left = psutil.wait_procs(family, timeout=10)
    assert left == []
