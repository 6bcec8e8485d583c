"""forget: delete photos' results and everything known about them."""

import argparse
import re

from worker.commands import OK
from worker.connections import result_store
from worker.errors import ConfigurationError, NoImageIdError
from worker.intake.events import safe_id
from worker.settings import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image_ids", nargs="+", metavar="IMAGE_ID")
    parser.add_argument("--owner", default="", help="the photos' owner, if object keys name owners")


def run(options: argparse.Namespace) -> int:
    settings = load(needs=["redis_url"])
    has_owner = "owner" in re.compile(settings.image_id_pattern).groupindex
    if has_owner and not options.owner:
        raise ConfigurationError("WORKER_IMAGE_ID_PATTERN names an owner: name it with --owner")
    if options.owner and not has_owner:
        raise ConfigurationError("WORKER_IMAGE_ID_PATTERN names no owner: --owner means nothing here")
    try:
        photos = [safe_id(image_id, options.owner) for image_id in options.image_ids]
    except NoImageIdError as error:
        raise ConfigurationError(str(error)) from None
    store = result_store(settings)
    for photo in photos:
        print(f"{photo.image_id}: {'forgotten' if store.forget(photo) else 'nothing was known of it'}")
    return OK
