"""submit: upload photos the way the API does, and print their results."""

import argparse
import sys
from pathlib import Path

from worker.client import Client
from worker.commands import FAILED, OK
from worker.errors import StorageError, StoreError
from worker.settings import load
from worker.telemetry.log import set_up_logs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO")
    timeout_help = "seconds to wait for each result (default 30)"
    parser.add_argument("--timeout", type=float, default=30.0, help=timeout_help)
    notification_help = "send no request; wait for S3's notification, which takes a second longer on AWS"
    parser.add_argument("--by-notification", action="store_true", help=notification_help)
    prefix_help = "start of each key, before the image id (default uploads/)"
    parser.add_argument("--prefix", default="uploads/", help=prefix_help)


def run(options: argparse.Namespace) -> int:
    settings = load(needs=["queue_url", "buckets", "redis_url"])
    set_up_logs(settings.log_format, settings.log_level)
    client = Client(settings, prefix=options.prefix)
    send = client.upload if options.by_notification else client.submit
    try:
        photos = [(path.read_bytes(), path.suffix.lower()) for path in options.photos]
    except OSError as error:
        return _complain(error)
    sent, code = list[str](), OK
    for photo in photos:
        try:
            sent.append(send(*photo))
        except StorageError as error:
            code = _complain(error)
    return max([code, *(_show(client, image_id, options.timeout) for image_id in sent)])


def _show(client: Client, image_id: str, timeout: float) -> int:
    """Print a photo's result, or why there is none: the results of the others may be there."""
    try:
        print(client.wait(image_id, timeout).model_dump_json(indent=2), flush=True)
    except (TimeoutError, StoreError) as error:
        return _complain(error)
    return OK


def _complain(error: Exception) -> int:
    print(f"worker submit: {error}", file=sys.stderr)
    return FAILED
