"""`make run` and `make demo`: the whole path on this machine, from an upload to the result in Redis."""

import argparse
import os
import shlex
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from rich.console import Console

from localstack.services import HOST, ROOT, Services, ServicesError
from localstack.table import results_table
from localstack.worker_process import WorkerProcess
from worker import settings
from worker.client import Client
from worker.errors import WorkerError
from worker.result import Result

FOLDER = ROOT / ".run"
PHOTOS = Path(__file__).parent / "photos"
SUFFIXES = {".jpg", ".png", ".heic", ".webp", ".avif"}
GATEWAY_PORT, REDIS_PORT, DOOR_PORT = 4566, 6379, 8080
PAGE = f"http://{HOST}:{DOOR_PORT}/"
DOOR = f"{PAGE}images"
RESULT = 30.0  # seconds until a photo must be scored
INTERRUPTED = 130  # exit code of a program that Ctrl-C ended

console = Console()


def main() -> int:
    """Run until Ctrl-C, or with --exit until the sample photos are scored; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m localstack", description=__doc__)
    parser.add_argument("--exit", action="store_true", help="stop when the sample photos are scored")
    options = parser.parse_args()
    # Both raise KeyboardInterrupt, so that everything is stopped in order.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            code = _run(stack, leave=options.exit)
            console.print("stopping")
            return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except (ServicesError, WorkerError, TimeoutError) as error:
        console.print(f"[red]{_plain(str(error))}")
        return 1
    finally:
        _ignore_interrupts()
        console.print("stopped")


def _run(stack: ExitStack, *, leave: bool) -> int:
    services = Services(FOLDER, gateway_port=GATEWAY_PORT, redis_port=REDIS_PORT)
    with console.status("starting LocalStack and Valkey"):
        stack.enter_context(services)
    own = {"RECEIVE_WAIT": "1", "LOG_FORMAT": "console", "STATE_FILE": str(FOLDER / "state.json")}
    own |= {"DOOR_PORT": str(DOOR_PORT), "DOOR_PAGE": "ids"}
    environment = {**services.environment(), **{f"WORKER_{name}": value for name, value in own.items()}}
    os.environ.update(environment)  # for boto3, here and in the worker
    console.print(f"LocalStack on port {GATEWAY_PORT}, Valkey on port {REDIS_PORT}; logs in {FOLDER.name}/")
    worker = WorkerProcess(FOLDER / "worker.log", environment=os.environ)
    reader = threading.Thread(target=_show_log, args=(worker,), name="worker-log", daemon=True)
    reader.start()
    stack.callback(reader.join, 1)
    stack.callback(worker.stop)
    stack.callback(_ignore_interrupts)  # called first: a second Ctrl-C must not leave anything behind
    worker.wait_for_text(" polling")
    results = _score_samples(Client(settings.load(environment)))
    console.print(results_table(results))
    unscored = [name for name, result in results if result.status != "scored"]
    if unscored:
        console.print(f"[red]not scored: {', '.join(unscored)}")
    if leave:
        return 1 if unscored else 0
    with _environment_file(environment):
        console.print(
            f"The worker is up. Watch it work: [bold]{PAGE}[/]\n"
            "In another terminal: [bold]make submit PHOTO=path[/], or by HTTP\n"
            f"[bold]curl --data-binary @path {DOOR}[/]\nCtrl-C stops everything."
        )
        code = worker.wait(within=None)
        console.print(f"[red]the worker ended by itself, with exit code {code}; see above")
        return code if code >= 0 else 128 - code  # a shell's exit code for a signal


def _show_log(worker: WorkerProcess) -> None:
    """Print the worker's log as it grows, until the worker has ended."""
    with worker.log.open(errors="replace") as lines:
        has_ended = False
        while not has_ended:
            has_ended = worker.has_ended()  # asked before reading: nothing is written after the end
            for line in lines:
                console.print(f"[dim]worker │[/] {_plain(line.rstrip())}", soft_wrap=True, highlight=False)
            time.sleep(0.1)


def _score_samples(client: Client) -> list[tuple[str, Result]]:
    """Send the sample photos by both ways in turn, as an API does, and wait for each result."""
    photos = sorted(path for path in PHOTOS.iterdir() if path.suffix in SUFFIXES)
    queued = {path.name: client.upload(path.read_bytes(), path.suffix) for path in photos[::2]}
    results = {path.name: _post(path) for path in photos[1::2]}
    results |= {name: client.wait(image_id, RESULT) for name, image_id in queued.items()}
    return sorted(results.items())


def _post(photo: Path) -> Result:
    """Send a photo by HTTP; its result is the answer. Raises ServicesError."""
    try:
        answer = httpx.post(DOOR, content=photo.read_bytes(), timeout=RESULT).raise_for_status()
    except httpx.HTTPError as error:
        raise ServicesError(f"{photo.name} was not scored by HTTP: {error}") from error
    return Result.model_validate_json(answer.content)


@contextmanager
def _environment_file(environment: Mapping[str, str]) -> Iterator[None]:
    """Keep the settings in a file for `make submit`, as long as the worker runs."""
    path = FOLDER / "env"
    path.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in environment.items()))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _ignore_interrupts() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
