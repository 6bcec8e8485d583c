"""Two ways to send photos: at given times in an open loop, or as fast as a crew of uploaders can."""

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

SENDERS = 32  # threads: many more than wait at a time, so that a slow PUT does not delay the next

Send = Callable[[int], object]  # sends the photo of a number


def at_moments(moments: list[float], send: Send) -> tuple[list[float], list[float]]:
    """Send photo n at `moments[n]` seconds from now; no send waits for a result or another send.

    Returns the times at which sends were due and at which they began, both monotonic.
    """
    begun = [0.0] * len(moments)

    def send_now(number: int) -> None:
        begun[number] = time.monotonic()
        send(number)

    start = time.monotonic()
    due = [start + moment for moment in moments]
    with ThreadPoolExecutor(SENDERS) as pool:
        futures = list[Future[None]]()
        try:
            for number, moment in enumerate(due):
                time.sleep(max(0.0, moment - time.monotonic()))
                futures.append(pool.submit(send_now, number))
            for future in futures:
                future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return due, begun


def by_crew(uploaders: int, may_send: Callable[[int], bool], send: Send) -> dict[int, float]:
    """Let `uploaders` threads send photos 0, 1, 2 … until `may_send(n)` is false.

    Returns the monotonic time at which each send began, by number, in order. The last numbers may
    have gaps, because each thread asks for itself. An error in one send ends all, and is raised.
    """
    numbers, begun = itertools.count(), dict[int, float]()
    lock, given_up = threading.Lock(), threading.Event()

    def upload() -> None:
        try:
            while not given_up.is_set():
                with lock:
                    number = next(numbers)
                if not may_send(number):
                    return
                begun[number] = time.monotonic()
                send(number)
        except BaseException:
            given_up.set()
            raise

    with ThreadPoolExecutor(uploaders) as pool:
        futures = [pool.submit(upload) for _ in range(uploaders)]
        try:
            for future in futures:
                future.result()
        finally:
            given_up.set()
    return dict(sorted(begun.items()))
