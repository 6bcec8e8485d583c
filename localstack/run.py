"""`make run` and `make demo`: the whole path on this machine, from an upload to the result in Redis."""

import argparse
import os
import re
import shlex
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.text import Text

from localstack.faults.gateway import Gateway
from localstack.playground.web.server import PlaygroundServer
from localstack.playground.worker_log import WorkerLog
from localstack.playground.workers import INTERRUPTS, Workers
from localstack.samples import score_samples
from localstack.services import HOST, ROOT, Services, ServicesError, free_port
from localstack.worker_process import WorkerProcess
from worker import settings
from worker.client import Client
from worker.commands import INTERRUPTED, forgive_letters
from worker.commands.result_table import results_table
from worker.errors import WorkerError
from worker.result import Result

PORTS = {"gateway": 4566, "redis": 6379, "door": 8080, "playground": 8000}
FOREIGN = re.compile(r"AWS_|WORKER_|(all|https?|ftp|no)_proxy$", re.IGNORECASE)  # variables that mislead
# What a killed worker had, and what nobody can read, comes back soon, for those who watch.
VISIBILITY_TIMEOUT = 5  # seconds
# So is another worker: the one that "auto" chooses takes twice as long to start, most of it to choose.
ENGINE = "litert"
WHY_IT_WARNS = (
    f"Unfinished messages come back after {VISIBILITY_TIMEOUT} s here, not a minute, for you to see.\n"
    "The worker's first line warns of it."
)

console = Console()


def main() -> int:
    """Run until Ctrl-C, or with --exit until the sample photos are scored; return the exit code."""
    options = _options()
    forgive_letters()
    # All raise KeyboardInterrupt, so that everything is stopped in order.
    for number in INTERRUPTS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # as nohup asks
            signal.signal(number, signal.default_int_handler)
    _shield()
    stopping = console.status("stopping")
    try:
        with ExitStack() as stack:
            try:
                return _run(stack, options)
            finally:
                console.print("stopping")  # where there is no terminal, too
                stopping.start()
    except KeyboardInterrupt:
        return INTERRUPTED
    except (ServicesError, WorkerError, TimeoutError) as error:
        console.print(Text(str(error), "red"))
        return 1
    finally:
        _ignore_interrupts()
        stopping.stop()
        console.print("stopped")


def _shield() -> None:
    """Leave out the person's own settings, and proxies, and say which."""
    ignored = sorted(name for name in os.environ if FOREIGN.match(name))
    for name in ignored:
        del os.environ[name]
    if ignored:
        console.print(
            f"Ignored here, so that all parts find one another: {', '.join(ignored)}", soft_wrap=True
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m localstack", description=__doc__)
    parser.add_argument("--exit", action="store_true", help="stop when the sample photos are scored")
    parser.add_argument("--folder", type=Path, default=ROOT / ".run", help="for logs and data")
    for name, port in PORTS.items():
        help_ = f"port of the {name}, 0 for any that is free (default {port})"
        parser.add_argument(f"--{name}-port", type=int, default=port, metavar="PORT", help=help_)
    return parser.parse_args()


def _run(stack: ExitStack, options: argparse.Namespace) -> int:
    playground = None if options.exit else _show_playground(stack, options.playground_port)
    services = _start_services(stack, options)
    door = f"http://{HOST}:{options.door_port or free_port()}"
    environment = _environment(services, door, options.folder)
    os.environ.update(environment)  # for boto3, here
    workers = _workers(stack, services, environment, options.folder, playground)
    if playground:
        playground.open(settings.load(environment), door)
        console.print(WHY_IT_WARNS)
    with console.status("starting the worker"):
        workers.start()
    with console.status("scoring the sample photos"):
        results = score_samples(Client(settings.load(environment)), door)
    has_scored_all = _show(results)
    if playground:
        playground.adopt(results)
    workers.say_up()
    if playground is None:
        return 0 if has_scored_all else 1
    with _environment_file(options.folder, environment):
        try:
            return _watch(workers, playground.address, door)
        except KeyboardInterrupt:  # the way to end it
            return 0


def _show_playground(stack: ExitStack, port: int) -> PlaygroundServer:
    """Start the playground, so that its address is printed first."""
    playground = PlaygroundServer(port)
    playground.start()
    stack.callback(playground.close)
    console.print(f"See it work, and break it: [bold]{playground.address}[/]")
    return playground


def _start_services(stack: ExitStack, options: argparse.Namespace) -> Services:
    services = Services(options.folder, gateway_port=options.gateway_port, redis_port=options.redis_port)
    with console.status("starting LocalStack and Valkey"):
        stack.enter_context(services)
    ports = f"LocalStack on port {services.gateway_port}, Valkey on port {services.redis_port}"
    console.print(f"{ports}; logs in {options.folder.name}/")
    return services


def _show(results: Sequence[tuple[str, Result]]) -> bool:
    """Print the results of the samples; returns whether all were scored."""
    console.print(results_table(results, "What came back, by queue and by HTTP"))
    unscored = [name for name, result in results if result.status != "scored"]
    if unscored:
        console.print(f"[red]not scored: {', '.join(unscored)}")
    return not unscored


def _watch(workers: Workers, address: str, door: str) -> int:
    """Say what one can do now; returns the exit code of a worker that ended by itself."""
    console.print(
        f"The worker is up. Watch it work, send photos, break things: [bold]{address}[/]\n"
        "In another terminal: [bold]make submit PHOTO=path[/], or by HTTP\n"
        f"[bold]curl --data-binary @path {door}/images[/]\nCtrl-C stops everything."
    )
    code = workers.watch()
    console.print(f"[red]the worker ended by itself, with exit code {code}; see above")
    return code if code >= 0 else 128 - code  # a shell's exit code for a signal


def _environment(services: Services, door: str, folder: Path) -> dict[str, str]:
    """Settings of the worker, and of whoever uses the same services."""
    own = {"RECEIVE_WAIT": "1", "LOG_FORMAT": "console", "STATE_FILE": str(folder / "state.json")}
    own |= {"DOOR_PORT": door.rpartition(":")[2], "DOOR_PAGE": "ids"}
    return {**services.environment(), **{f"WORKER_{name}": value for name, value in own.items()}}


def _workers(
    stack: ExitStack,
    services: Services,
    environment: Mapping[str, str],
    folder: Path,
    playground: PlaygroundServer | None,
) -> Workers:
    """Make what starts the worker. With a playground there is a gateway between it and LocalStack."""
    own, log = {**os.environ, **environment}, WorkerLog(console)
    stack.callback(log.end)
    if playground:
        gateway = Gateway(services.gateway_port)
        stack.callback(gateway.close)
        own |= {"AWS_ENDPOINT_URL": gateway.url, "WORKER_VISIBILITY_TIMEOUT": str(VISIBILITY_TIMEOUT)}
        own["WORKER_ENGINE"] = ENGINE
    tell = playground.tell if playground else lambda *_: None
    workers = Workers(folder, lambda log: WorkerProcess(log, environment=own), log.show, tell)
    stack.callback(workers.stop)
    if playground:
        playground.prepare(services, gateway, workers)
        stack.callback(playground.close)
        stack.callback(playground.tell, "stopping", "All of it stops.")
    stack.callback(_ignore_interrupts)  # called first: a second Ctrl-C must not leave anything behind
    return workers


@contextmanager
def _environment_file(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Keep the settings in a file for `make submit`, as long as the worker runs."""
    path = folder / "env"
    path.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in environment.items()))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _ignore_interrupts() -> None:
    for number in INTERRUPTS:
        signal.signal(number, signal.SIG_IGN)
