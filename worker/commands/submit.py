"""submit: upload photos the way the API does, and print their results."""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from worker.client import Client
from worker.commands import FAILED, OK
from worker.commands.result_table import results_table
from worker.commands.terminal import console
from worker.errors import NoImageIdError, StorageError, StoreError
from worker.result import Result
from worker.settings import load
from worker.telemetry import progress
from worker.telemetry.counters import Telemetry
from worker.telemetry.log import set_up_logs

T = TypeVar("T")

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".heic", ".heif"}  # of photos in a folder
DESCRIPTION = """\
Uploads photos the way the API does, asks for their scores, and prints what comes back. Exits with 1 if a
photo has no score because it failed, or no result at all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    photos_help = "a photo, or a folder with photos"
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help=photos_help)
    parser.add_argument("--json", action="store_true", help="a JSON object a line instead of a table")
    timeout_help = "longest wait for each result in seconds (default 30)"
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
        return _complain(error)
    results = list[tuple[str, Result]]()
    with progress.show("photos", len(paths), telemetry=telemetry, clock=time.monotonic) as tell:
        sent = [(path, _try(partial(_send, send, path))) for path in paths]
        for done, (path, image_id) in enumerate(sent, 1):
            if image_id and (result := _try(partial(client.wait, image_id, options.timeout))):
                results.append((str(path), result))
                if options.json:
                    _print_line(str(path), result)
            tell(done)
    if results and not options.json:
        console().print(results_table(results))
    has_all = len(results) == len(paths) and all(result.status != "failed" for _, result in results)
    return OK if has_all else FAILED


def _send(send: Callable[[bytes, str], str], path: Path) -> str:
    return send(path.read_bytes(), path.suffix.lower())


def _try(act: Callable[[], T]) -> T | None:
    """Say what failed, and return None: the others may do better."""
    try:
        return act()
    except (OSError, NoImageIdError, StorageError, StoreError) as error:  # TimeoutError is an OSError
        _complain(error)
        return None


def _photos(given: Path) -> Sequence[Path]:
    """The photos in a folder, by name; or a file, which may be anything. Raises OSError."""
    if not given.is_dir():
        given.open("rb").close()
        return [given]
    found = sorted(path for path in given.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise FileNotFoundError(f"{given} has no photos: no file ends with {', '.join(sorted(SUFFIXES))}")
    return found


def _print_line(name: str, result: Result) -> None:
    print(json.dumps({"photo": name, **result.model_dump(mode="json")}), flush=True)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:  # false for NaN
        raise ValueError
    return seconds


def _complain(error: Exception) -> int:
    print(f"worker submit: {error}", file=sys.stderr)
    return FAILED
