"""rehash: rebuild the index of duplicates from the buckets; see worker/upkeep/rehash.py."""

import argparse
import re
import sys
import time
from collections import Counter
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from worker import connections
from worker.adapters.aws.model_bucket import ModelBucket
from worker.commands import FAILED, OK
from worker.commands.terminal import plain
from worker.errors import ConfigurationError
from worker.inference.delivery.library import Library
from worker.settings import Settings, load
from worker.settings.capacity import helper_threads, make_decoder
from worker.telemetry import progress
from worker.telemetry.counters import Telemetry
from worker.telemetry.log import set_up_logs
from worker.upkeep.rehash import find_photos, rebuild


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--again",
        action="store_true",
        help="read known photos, too: after a change of WORKER_COLOURS or WORKER_EMBEDDED_THUMBNAILS",
    )


def run(options: argparse.Namespace) -> int:
    settings = load(needs=["buckets", "redis_url"])
    set_up_logs(settings.log_format, settings.log_level)
    try:
        counts = _rebuild(settings, Telemetry(), again=options.again)
    except KeyboardInterrupt:
        print("worker rehash: run it again to go on", file=sys.stderr)
        raise
    counted = [f"{count} {what}" for what, count in sorted(counts.items()) if count]
    print(", ".join(counted) or "no photo to enter")
    return FAILED if counts["failed"] else OK


def _rebuild(settings: Settings, telemetry: Telemetry, *, again: bool) -> Counter[str]:
    if not settings.duplicate_window:
        raise ConfigurationError("WORKER_DUPLICATE_WINDOW is 0: no photo is remembered")
    store = connections.result_store(settings, connections.duplicate_rule(settings))
    threads = helper_threads(settings)
    storage = connections.photos(settings, threads, time.monotonic)
    library = Library(ModelBucket(), Path(settings.model_cache), telemetry=telemetry, clock=time.monotonic)
    bundle = library.fetch_at_start(settings.model[0])
    since = connections.utc_now() - timedelta(seconds=settings.duplicate_window)
    telemetry.event("listing", buckets=list(settings.buckets))
    photos = find_photos(storage, settings.buckets, re.compile(settings.image_id_pattern), since)
    with (
        closing(make_decoder(settings, bundle.manifest.input.target, telemetry)) as decoder,
        progress.show("rehash", len(photos), telemetry=telemetry, clock=time.monotonic) as tell,
    ):
        return rebuild(
            photos,
            storage,
            store.index,
            decoder,
            threads=threads,
            again=again,
            tell=tell,
            complain=lambda text: print(plain(f"worker rehash: {text}"), file=sys.stderr),
        )
