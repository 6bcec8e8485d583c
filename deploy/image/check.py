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
from deploy.image.engine import ROOT, Engine, EngineError
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
    target = parser.parse_args().target
    for number in (signal.SIGINT, signal.SIGTERM):  # both interrupt, and all is stopped in order
        signal.signal(number, signal.default_int_handler)
    report = Report()
    try:
        with ExitStack() as stack:
            _check(stack, report, target)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (EngineError, ServicesError, TimeoutExpired) as error:
        console.print(str(error), style="red", markup=False)
        return 1
    console.print(report.table(f"{TAG}, target {target}"))
    return 0 if report.passed else 1


def _check(stack: ExitStack, report: Report, target: str) -> None:
    engine = stack.enter_context(daemon.runner(FOLDER))
    stack.callback(_ignore_interrupts)
    _build(engine, target)
    services = stack.enter_context(Services(FOLDER / "services"))
    stack.callback(_ignore_interrupts)  # called before what it follows is stopped: that must not be cut short
    os.environ.update(services.environment())  # for boto3, here
    image = checks.Image(engine, TAG, target, services.environment())
    for what, of_image in checks.OF_IMAGE:
        report.check(what, partial(of_image, image))
    with started(engine, TAG, image.environment) as container:
        _look_inside(report, image, container)


def _look_inside(report: Report, image: checks.Image, container: Container) -> None:
    report.check("scores a photo", lambda: checks.scores(image, container))
    report.check("is healthy with one", lambda: checks.is_healthy(image, container))
    try:
        facts = container.probe()
    except (EngineError, TimeoutExpired) as error:
        for what in (*(what for what, _ in checks.OF_FACTS), "writes below /tmp only"):
            report.skip(what, str(error))
    else:
        for what, of_facts in checks.OF_FACTS:
            report.check(what, partial(of_facts, facts))
        report.check("writes below /tmp only", lambda: checks.wrote_only_below_tmp(facts, container))
    report.check("drains and ends on SIGTERM", lambda: checks.stops(container))


def _build(engine: Engine, target: str) -> None:
    proxies = {name: os.environ.get(name, os.environ.get(name.upper(), "")) for name in PROXIES}
    arguments = {"BASE": standin.base(engine), "VERSION": version(), **proxies}
    engine.build(target, TAG, arguments, ["--network", "host"])  # our own daemon has no bridge


def _ignore_interrupts() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
