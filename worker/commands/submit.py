"""submit: upload photos the way the API does, and print their results."""

import argparse
import sys
from pathlib import Path

from worker.client import Client
from worker.commands import FAILED, OK
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
    settings = load()
    set_up_logs(settings.log_format, settings.log_level)
    client = Client(settings, prefix=options.prefix)
    send = client.upload if options.by_notification else client.submit
    try:
        photos = [(path.read_bytes(), path.suffix.lower()) for path in options.photos]
        for image_id in [send(*photo) for photo in photos]:
            print(client.wait(image_id, options.timeout).model_dump_json(indent=2))
    except OSError as error:  # a photo that cannot be read, or no result in time
        print(f"worker submit: {error}", file=sys.stderr)
        return FAILED
    return OK
