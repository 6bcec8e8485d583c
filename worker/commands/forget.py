"""forget: delete photos' results and all that is known of them."""

import argparse
import os
import re
import sys

from worker import settings
from worker.commands.exit_codes import FAILED, OK
from worker.errors import ConfigurationError, StoreError
from worker.messages import PhotoId

NAME, HELP = "forget", "delete photos' results and all that is known of them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what can follow the command."""
    parser.add_argument("image_ids", nargs="+", metavar="IMAGE_ID")
    parser.add_argument("--owner", default="", help="whose photos they are, where the keys name owners")


def run(options: argparse.Namespace) -> int:
    """Run it; its exit code. Raises ConfigurationError."""
    wanted = settings.load(os.environ)
    owned = "owner" in re.compile(wanted.image_id_pattern).groupindex
    if owned != bool(options.owner):
        why = "name it with --owner" if owned else "--owner means nothing here"
        raise ConfigurationError(f"WORKER_IMAGE_ID_PATTERN names {'an' if owned else 'no'} owner: {why}")
    from worker.connections import result_store  # noqa: PLC0415 - the other commands need no Redis client

    store = result_store(wanted)
    try:
        for image_id in options.image_ids:
            there = store.forget(PhotoId(image_id, options.owner))
            sys.stdout.write(f"{image_id}: {'forgotten' if there else 'nothing was known of it'}\n")
    except StoreError as error:
        sys.stderr.write(f"worker forget: {error}\n")
        return FAILED
    return OK
