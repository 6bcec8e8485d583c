"""submit: upload photos the way the API does, and print their results."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from worker.client import Client
from worker.commands import FAILED, OK
from worker.commands.result_table import results_table
from worker.commands.terminal import console, plain
from worker.errors import NoImageIdError, StorageError, StoreError
from worker.result import Result
from worker.settings import load
from worker.telemetry import progress
from worker.telemetry.counters import Telemetry
from worker.telemetry.log import set_up_logs

T = TypeVar("T")
R = TypeVar("R")

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".heic", ".heif"}  # of photos in a folder
LONGEST_WAIT = 86400  # seconds: a day
DESCRIPTION = """\
Uploads photos the way the API does, asks for their scores, and prints what comes back. Exits with 1 if a
photo has no score because it failed, or no result at all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    photos_help = "a photo, or a folder with photos"
    parser.add_argument("photos", nargs="+", type=_path, metavar="PHOTO", help=photos_help)
    parser.add_argument("--json", action="store_true", help="a JSON object a line instead of a table")
    timeout_help = "longest wait for all results, in seconds from the last upload (default 30)"
    parser.add_argument("--timeout", type=_seconds, default=30.0, help=timeout_help)
    notification_help = "send no request; wait for S3's notification, which takes a second longer on AWS"
    parser.add_argument("--by-notification", action="store_true", help=notification_help)
    prefix_help = "start of each key, before the image id (default uploads/)"
    parser.add_argument("--prefix", default="uploads/", help=prefix_help)


def run(options: argparse.Namespace) -> int:
    settings, telemetry = load(needs=["queue_url", "buckets", "redis_url"]), Telemetry()
    set_up_logs(settings.log_format, settings.log_level)
    client = Client(settings, prefix=options.prefix)
    send = client.upload if options.by_notification else client.submit
    try:
        paths = [path for given in options.photos for path in _photos(given)]
    except OSError as error:
        return _complain(str(error))
    results = list[tuple[Path, Result]]()
    show = partial(progress.show, telemetry=telemetry, clock=time.monotonic)
    try:
        with show("uploads", len(paths)) as tell:
            sent = list(_each([(path, path) for path in paths], partial(_send, send), tell))
        deadline = time.monotonic() + options.timeout
        with show("results", len(sent)) as tell:
            for path, result in _each(sent, partial(_wait, client, deadline, options.timeout), tell):
                results.append((path, result))
                if options.json:
                    _print_line(path, result)
    finally:  # also after Ctrl-C
        if results and not options.json:
            console(wide=False).print(results_table([(path.name, result) for path, result in results]))
    has_all = len(results) == len(paths) and all(result.status != "failed" for _, result in results)
    return OK if has_all else FAILED


def _each(
    photos: Sequence[tuple[Path, T]], act: Callable[[T], R], tell: Callable[[int], None]
) -> Iterator[tuple[Path, R]]:
    """Do the same for each photo. Say which one failed, and why: the others may do better."""
    for done, (path, argument) in enumerate(photos, 1):
        try:
            yield path, act(argument)
        except (OSError, NoImageIdError, StorageError, StoreError) as error:  # TimeoutError is an OSError
            _complain(f"{path}: {error}")
        tell(done)


def _send(send: Callable[[bytes, str], str], path: Path) -> str:
    return send(path.read_bytes(), path.suffix.lower())


def _wait(client: Client, deadline: float, timeout: float, image_id: str) -> Result:
    """Wait until the deadline that all photos share. Raises TimeoutError, which names the whole `timeout`."""
    try:
        return client.wait(image_id, deadline - time.monotonic())
    except TimeoutError:
        hint = "is a worker running, and what does it log?"
        raise TimeoutError(f"no result for {image_id} within {timeout:g} s; {hint}") from None


def _photos(given: Path) -> Sequence[Path]:
    """The photos in a folder, by name; or a file, which may be anything. Raises OSError."""
    if not given.is_dir():
        given.open("rb").close()
        return [given]
    found = sorted(path for path in given.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        raise FileNotFoundError(f"{given} has no photos: no file ends with {', '.join(sorted(SUFFIXES))}")
    return found


def _print_line(path: Path, result: Result) -> None:
    print(json.dumps({"photo": str(path), **result.model_dump(mode="json")}), flush=True)


def _path(text: str) -> Path:
    if not text:  # Path("") is the current folder
        raise argparse.ArgumentTypeError("a photo needs a name, and this one is empty")
    return Path(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= LONGEST_WAIT:  # false for NaN
        raise argparse.ArgumentTypeError(f"must be 0 to {LONGEST_WAIT} seconds, not {text!r}")
    return seconds


def _complain(text: str) -> int:
    print(plain(f"worker submit: {text}"), file=sys.stderr)
    return FAILED
