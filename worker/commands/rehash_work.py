"""What `rehash` works with: photos, model's input, index and progress, as the settings name them."""

import re
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from worker import connections
from worker.adapters.aws.model_bucket import ModelBucket
from worker.capacity import helper_threads, make_decoder
from worker.connections import result_store
from worker.errors import ConfigurationError
from worker.inference import bundle
from worker.inference.library import Library, fetched
from worker.photos.decoder import Decoder
from worker.settings import Settings
from worker.telemetry import progress
from worker.telemetry.counters import Telemetry
from worker.upkeep.rehash import listed, rebuild


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
        helper_threads(settings),
    )
    photos = connections.photos(settings, threads, clock)
    decoder = _decoder(settings, telemetry, clock)
    since = connections.utc_now() - timedelta(seconds=settings.duplicate_window)
    pattern = re.compile(settings.image_id_pattern)
    telemetry.event("listing", buckets=list(settings.buckets))
    wanted = listed(photos, settings.buckets, pattern, since)
    with progress.show("rehash", len(wanted), telemetry=telemetry, clock=clock) as tell:
        return rebuild(wanted, photos, store, decoder, threads=threads, tell=tell)


def _decoder(settings: Settings, telemetry: Telemetry, clock: Callable[[], float]) -> Decoder:
    library = Library(ModelBucket(), Path(settings.model_cache), telemetry=telemetry, clock=clock)
    folder = fetched(library, settings.model[0], lambda: None)
    return make_decoder(settings, bundle.read(str(folder)).manifest.input.target, clock)
