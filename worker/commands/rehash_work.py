"""What `rehash` works with: photos, model's input, index and progress, as the settings name them."""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from worker import connections
from worker.adapters.aws.model_bucket import ModelBucket
from worker.connections import result_store
from worker.errors import ConfigurationError
from worker.inference import bundle
from worker.inference.library import Library, fetched
from worker.photos import hashes
from worker.settings import Settings
from worker.telemetry import progress
from worker.telemetry.counters import Telemetry
from worker.upkeep.rehash import Recipe, listed, rebuild


def run(
    settings: Settings, telemetry: Telemetry, clock: Callable[[], float] = time.monotonic
) -> Counter[str]:
    """Rebuild the index of photos seen before, with progress; see worker/upkeep/rehash.py.

    Raises ConfigurationError, StorageError and StoreError.
    """
    if not settings.duplicate_window:
        raise ConfigurationError("WORKER_DUPLICATE_WINDOW is 0: nothing is to be remembered")
    store, threads = (
        result_store(settings, connections.duplicate_rule(settings)),
        connections.helpers(settings),
    )
    photos = connections.photos(settings, threads, clock)
    recipe = _recipe(settings, telemetry, clock)
    since = connections.utc_now() - timedelta(seconds=settings.duplicate_window)
    pattern = re.compile(settings.image_id_pattern)
    telemetry.event("listing", buckets=list(settings.buckets))
    wanted = listed(photos, settings.buckets, pattern, since)
    with progress.show("rehash", len(wanted), telemetry=telemetry, clock=clock) as tell:
        return rebuild(wanted, photos, store, recipe, threads=threads, tell=tell)


def _recipe(settings: Settings, telemetry: Telemetry, clock: Callable[[], float]) -> Recipe:
    library = Library(ModelBucket(), Path(settings.model_cache), telemetry=telemetry, clock=clock)
    return Recipe(
        bundle.read(str(fetched(library, settings.model[0], lambda: None))).manifest.input.target,
        hashes.named(settings.hash),
        settings.max_bytes,
        settings.max_pixels,
        threading.BoundedSemaphore(settings.decoders or connections.cores()),
    )
