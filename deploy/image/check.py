"""`make image-check`: build the image for real, run it on LocalStack and Valkey, and say what was seen."""

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
from deploy.image.container import Container, started
from deploy.image.engine import ROOT, RUNNERS, Engine, EngineError
from deploy.image.report import Report
from localstack.services import Services, ServicesError

FOLDER = ROOT / ".image"
TAG = "photo-score-worker:image-check"
INTERRUPTED = 130  # exit code of a program that Ctrl-C ended
PROXIES = ("http_proxy", "https_proxy", "no_proxy")  # build arguments that every builder knows

console = Console()


def main() -> int:
    """Build, run, look, clean up; the exit code: 1 when something does not hold or could not be looked at."""
    parser = argparse.ArgumentParser(prog="python -m deploy.image.check", description=__doc__)
    parser.add_argument("--target", choices=TARGETS, default="cpu")
    parser.add_argument("--engine", choices=RUNNERS, help="default: the first of these that answers")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # both interrupt, and all is stopped in order
        signal.signal(number, signal.default_int_handler)
    report = Report()
    try:
        with ExitStack() as stack:
            engine = stack.enter_context(
                daemon.runner(FOLDER, [options.engine] if options.engine else RUNNERS)
            )
            _check(stack, engine, report, options.target)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (EngineError, ServicesError, TimeoutExpired) as error:
        report.skip("what was left to look at", str(error))
    console.print(report.table(f"{TAG}, target {options.target}"))
    return 0 if report.passed else 1


def _check(stack: ExitStack, engine: Engine, report: Report, target: str) -> None:
    stack.callback(_ignore_interrupts)
    _build(engine, target)
    services = stack.enter_context(Services(FOLDER / "services"))
    stack.callback(_ignore_interrupts)  # called before what it follows is stopped: that must not be cut short
    os.environ.update(services.environment())  # for boto3, here
    image = checks.Image(engine, TAG, target, services.environment())
    for what, of_image in checks.OF_IMAGE:
        report.check(what, partial(of_image, image))
    try:
        with started(engine, TAG, image.environment) as container:
            _look_inside(report, image, container)
    except EngineError as error:  # it could not even be started
        report.skip("all that a running worker shows", str(error))


def _look_inside(report: Report, image: checks.Image, container: Container) -> None:
    for what, of_container in checks.OF_CONTAINER:
        report.check(what, partial(of_container, image, container))
    try:
        facts = container.probe()
    except (EngineError, TimeoutExpired) as error:
        report.skip("all that is seen from inside", str(error))
    else:
        for what, of_facts in checks.OF_FACTS:
            report.check(what, partial(of_facts, facts))
    report.check("drains and ends on SIGTERM", partial(checks.stops, container))


def _build(engine: Engine, target: str) -> None:
    proxies = {name: os.environ.get(name, os.environ.get(name.upper(), "")) for name in PROXIES}
    arguments = {"BASE": standin.base(engine), "VERSION": version(), **proxies}
    engine.build(target, TAG, arguments, ["--network", "host"])  # our own daemon has no bridge


def _ignore_interrupts() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
