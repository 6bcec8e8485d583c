"""How much this machine does at a time: helper threads, photos decoded at once."""

import time
from collections.abc import Callable

from worker.decoders.confinement import hide_process
from worker.decoders.decoder import Decoder
from worker.decoders.nursery import Nursery
from worker.photos import hashes
from worker.photos.decoding import Target
from worker.settings import Settings
from worker.settings.cores import cores
from worker.telemetry.counters import Telemetry

HELPERS_PER_CORE, MOST_HELPERS = 16, 256  # threads; they wait for S3 most of the time


def helper_threads(settings: Settings) -> int:
    """How many threads fetch and prepare photos, at most."""
    return settings.helpers or min(MOST_HELPERS, HELPERS_PER_CORE * cores())


def decoders(settings: Settings) -> int:
    """How many photos are decoded at once, at most."""
    return settings.decoders or cores()


def make_decoder(
    settings: Settings,
    target: Target,
    telemetry: Telemetry,
    *,
    nursery: Nursery | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Decoder:
    """Make the decoder that the settings ask for. Raises ConfigurationError if its hash is not installed.

    Hides this process: a decoder that a photo has taken over must not read credentials here.
    """
    hide_process()
    algorithm = hashes.find(settings.hash)
    return Decoder(
        nursery or Nursery(algorithm.name),
        target,
        algorithm,
        max_bytes=settings.max_bytes,
        max_pixels=settings.max_pixels,
        convert_colours=settings.colours == "convert",
        embedded_thumbnails=settings.embedded_thumbnails == "auto",
        at_once=decoders(settings),
        timeout=settings.decode_timeout,
        telemetry=telemetry,
        clock=clock,
    )
