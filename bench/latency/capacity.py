"""How many photos a second this machine scores while it uploads them as well.

A burst that lies ready is scored faster, because uploading takes time on the same cores. Loads are
shares of this lower figure.
"""

import threading
import time

from bench.latency.listener import SILENCE, Listener
from bench.latency.sending import by_crew
from bench.latency.series import Series
from bench.processes import LostError
from bench.rig import WORKERS, BenchRig

IN_FLIGHT = 64  # photos at any time: two of the largest batches
UPLOADERS = 8
WARM_UP, SECONDS = 4.0, 12.0


def measure_capacity(rig: BenchRig, photos: list[bytes]) -> float:
    """Measure photos/s with IN_FLIGHT photos at any time: each result lets the next one be sent."""
    series, places = Series("capacity", photos), threading.Semaphore(IN_FLIGHT)
    begun = time.monotonic()
    end = begun + WARM_UP + SECONDS

    def may_send(_: int) -> bool:
        if not places.acquire(timeout=SILENCE):
            raise LostError(f"no result in {SILENCE:.0f} s though {IN_FLIGHT} photos are in flight")
        return time.monotonic() < end

    with Listener(rig.redis, heard=places.release) as listener:
        sent = by_crew(UPLOADERS, may_send, series.put)
        ids = [series.image_id(number) for number in sent]
        listener.first(ids)
        heard = [at for at in listener.arrivals() if begun + WARM_UP <= at < end]
    rig.remove(WORKERS, ids)
    return len(heard) / SECONDS
