"""`make image-check`: builds the image, runs it on LocalStack and Valkey, and reports on it."""

import worker.interrupts  # noqa: F401 - before all else

# isort: split
import argparse
import os
import signal
import sys
from contextlib import ExitStack
from functools import partial
from subprocess import TimeoutExpired

from rich.console import Console

from deploy.image import checks, daemon, standin
from deploy.image.build import TARGETS, version
from deploy.image.container import Container, start
from deploy.image.engine import ROOT, RUNNERS, Engine, EngineError
from deploy.image.report import Report
from localstack.services import Services, ServicesError, free_port

FOLDER = ROOT / ".image"
TAG = "photo-score-worker:image-check"
INTERRUPTED = 130  # exit code of a program that Ctrl-C ended
PROXIES = ("http_proxy", "https_proxy", "no_proxy")  # build arguments that every builder knows

console = Console()


def main() -> int:
    """Build, run, check, clean up; returns exit code 1 when a check failed or was not made."""
    parser = argparse.ArgumentParser(prog="python -m deploy.image.check", description=__doc__)
    parser.add_argument("--target", choices=TARGETS, default="cpu")
    parser.add_argument("--engine", choices=RUNNERS, help="default: the first of these that answers")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # both raise KeyboardInterrupt
        signal.signal(number, signal.default_int_handler)
    report = Report()
    try:
        with ExitStack() as stack:
            names = [options.engine] if options.engine else RUNNERS
            engine = stack.enter_context(daemon.open_engine(FOLDER, names))
            _check(stack, engine, report, options.target)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (EngineError, ServicesError, TimeoutExpired) as error:
        report.skip("the remaining checks", str(error))
    console.print(report.table(f"{TAG}, target {options.target}"))
    return 0 if report.passed else 1


def _check(stack: ExitStack, engine: Engine, report: Report, target: str) -> None:
    stack.callback(_ignore_interrupts)
    _build(engine, target)
    services = stack.enter_context(Services(FOLDER / "services"))
    stack.callback(_ignore_interrupts)  # before the services stop, which must not be interrupted
    os.environ.update(services.environment())  # for boto3 in this process
    door = {"WORKER_DOOR_PORT": str(free_port())}
    image = checks.Image(engine, TAG, target, services.environment() | door)
    for name, check in (*checks.IMAGE_CHECKS, *checks.TARGET_CHECKS.get(target, ())):
        report.check(name, partial(check, image))
    try:
        with start(engine, TAG, image.environment) as container:
            _check_container(report, image, container)
    except EngineError as error:  # it did not start
        report.skip("the checks of a running worker", str(error))


def _check_container(report: Report, image: checks.Image, container: Container) -> None:
    for name, check in checks.CONTAINER_CHECKS:
        report.check(name, partial(check, image, container))
    try:
        facts = container.probe()
    except (EngineError, TimeoutExpired) as error:
        report.skip("the checks from inside", str(error))
    else:
        for name, fact_check in checks.FACT_CHECKS:
            report.check(name, partial(fact_check, facts))
    report.check("drains and ends on SIGTERM", partial(checks.stops, container))


def _build(engine: Engine, target: str) -> None:
    proxies = {name: os.environ.get(name, os.environ.get(name.upper(), "")) for name in PROXIES}
    arguments = {"BASE": standin.base(engine), "VERSION": version(), **proxies}
    # The daemon that daemon.py starts has no bridge.
    engine.build(target, TAG, arguments, ["--network", "host"])


def _ignore_interrupts() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
