"""The worker's rivals, and how each is started with a queue and a bucket of its own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import READY
from bench.rig import BenchRig
from bench.rivals import celery_worker
from bench.rivals.contestants import Contestant
from localstack.worker_process import ChildProcess

START, STOP = 180.0, 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Rival:
    """A program that scores a `share` of the worker's photos; slow rivals get fewer."""

    name: str
    label: str
    module: str
    runs: str  # decoding and model; "the model" is the worker's, on the engine that the worker has chosen
    arguments: tuple[str, ...] = ()
    share: float = 1.0
    sends_tasks: bool = False  # Celery's messages have their own envelope, which no bucket sends


RIVALS = (
    Rival(
        "plain",
        "plain loop",
        "plain_loop",
        "Pillow in full size; `predict` of Keras on the SavedModel, one photo a call, on all cores",
        ("predict",),
        share=0.06,
    ),
    Rival(
        "frozen",
        "plain loop with the worker's decoding and model",
        "plain_loop",
        "the worker's decoding; the model, one photo a call, on all cores",
        ("frozen",),
        share=0.25,
    ),
    Rival(
        "celery",
        "Celery, a process per core",
        "celery_worker",
        "the worker's decoding and the model in each process, one photo a call, on one core",
        share=0.6,
        sends_tasks=True,
    ),
    Rival(
        "server",
        "batch server (Mosec)",
        "batch_consumer",
        "the worker's decoding in a process a core; the model in a process a core, batches of up to 32",
    ),
)


@contextmanager
def start_rivals(
    rig: BenchRig, folder: Path, rivals: tuple[Rival, ...] = RIVALS
) -> Iterator[dict[str, Contestant]]:
    """Start the rivals, wait until they are ready, stop them at the end. Raises ServicesError."""
    with ExitStack() as stack:
        running = {rival.name: _start(rig, rival, folder, stack) for rival in rivals}
        for contestant in running.values():
            contestant.processes[0].wait_for_text(READY, within=START)
        yield running


def _start(rig: BenchRig, rival: Rival, folder: Path, stack: ExitStack) -> Contestant:
    queue_url = rig.create_queue(rival.name, notify=not rival.sends_tasks)
    program = ("-m", f"bench.rivals.{rival.module}", rival.name, queue_url, *rival.arguments)
    process = ChildProcess(folder / f"{rival.name}.log", *program)
    stack.callback(process.stop, STOP)
    contestant = Contestant(rig, rival.name, rival.name, queue_url, process)
    if rival.sends_tasks:
        app = celery_worker.celery_app(queue_url)
        contestant.announce = lambda key: celery_worker.send(app, celery_worker.event(rival.name, key))
    return contestant
