"""submit: upload photos the way the API does, and print their results."""

import argparse
import os
import sys
from pathlib import Path

from worker import settings
from worker.commands.exit_codes import FAILED, OK
from worker.errors import WorkerError
from worker.telemetry.log import set_up_logs

NAME, HELP = "submit", "upload photos the way the API does and print their results"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what can follow the command."""
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO")
    parser.add_argument(
        "--timeout", type=float, default=30.0, help="seconds to wait for each result (default 30)"
    )
    parser.add_argument(
        "--by-notification",
        action="store_true",
        help="send no request, wait for S3 to announce the upload (on AWS a second later)",
    )
    parser.add_argument(
        "--prefix", default="uploads/", help="what keys begin with, up to the image id (default uploads/)"
    )


def run(options: argparse.Namespace) -> int:
    """Run it; its exit code. Raises ConfigurationError."""
    wanted = settings.load(os.environ)
    set_up_logs(wanted.log_format, wanted.log_level)
    from worker.client import Client  # noqa: PLC0415 - the other commands need no AWS client

    client = Client.from_settings(wanted, prefix=options.prefix)
    send = client.upload if options.by_notification else client.submit
    try:
        photos = [(path, path.read_bytes()) for path in options.photos]
        sent = [send(photo, path.suffix.lower()) for path, photo in photos]
        for image_id in sent:
            sys.stdout.write(client.wait(image_id, options.timeout).model_dump_json(indent=2) + "\n")
    except (OSError, WorkerError) as error:
        sys.stderr.write(f"worker submit: {error}\n")
        return FAILED
    return OK
