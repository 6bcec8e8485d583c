"""Starts the process that has TensorFlow for one job, and waits for its answer."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from worker.adapters.quiet_import import IS_SET_BY_USER
from worker.decoders.nursery import KEPT
from worker.errors import ConfigurationError
from worker.inference.runtimes import Checkpoint
from worker.inference.translations.job import Answer, Job

MODULE = "worker.adapters.tensorflow.translator"
TIMEOUT = 900.0  # seconds
SLICE = 0.1  # seconds between two checkpoints
# Of our environment it gets what Python and TensorFlow read, but no credentials: it needs none.
PREFIXES = ("TF_", "XLA_", "OMP_", "KMP_", "MKL_")


def work(job: Job, checkpoint: Checkpoint) -> Answer:
    """Have a job done; `checkpoint` is called meanwhile. See Engines."""
    # In memory, for the disk may be full.
    with os.fdopen(os.memfd_create("words"), "w+b") as words, _start(job.place, words) as process:
        try:
            answer = _wait(process, job.model_dump_json().encode(), checkpoint)
        except BaseException:
            process.kill()
            raise
        if process.returncode == 0:
            try:
                return Answer.model_validate_json(answer)
            except ValidationError:
                pass
        models = ", ".join(str(model.bundle) for model in job.models)
        raise ConfigurationError(
            f"{models}: the process that has TensorFlow {_ending(process.returncode, words)}"
        )


def _start(place: Path, words: IO[bytes]) -> "subprocess.Popen[bytes]":
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith(PREFIXES)}
    path = os.pathsep.join(part or str(Path.cwd()) for part in sys.path)
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", MODULE, str(os.getpid())],
        # No GPU: it would take the memory that the worker needs there. TensorFlow leaves temporary files.
        env={**kept, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "-1", "TMPDIR": str(place)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None if IS_SET_BY_USER and sys.stderr else words,
        process_group=0,  # Ctrl-C at a terminal is for the worker, which ends it
    )


def _wait(process: "subprocess.Popen[bytes]", job: bytes, checkpoint: Checkpoint) -> bytes:
    """Hand over the job and wait for the end. Returns what it wrote to stdout."""
    end, handed_over = time.monotonic() + TIMEOUT, False
    while True:
        try:
            return process.communicate(None if handed_over else job, SLICE)[0]
        except subprocess.TimeoutExpired:
            handed_over = True  # `communicate` goes on with it
            checkpoint()
            if time.monotonic() > end:
                raise ConfigurationError(
                    f"the process that has TensorFlow did not end within {TIMEOUT:g} s"
                ) from None


def _ending(code: int, words: IO[bytes]) -> str:
    if code == -signal.SIGKILL:
        return "was killed: is there enough memory? It takes about a gigabyte beside the worker"
    if code < 0:
        return f"crashed: signal {-code}"
    words.seek(0)
    lines = [line for line in words.read().decode(errors="replace").splitlines() if line.strip()]
    return f"ended with exit code {code}: {lines[-1][:300] if lines else 'it said nothing'}"
