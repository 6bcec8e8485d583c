"""Ways to send photos: at given moments whatever becomes of them, or by a crew of uploaders as fast as they can."""

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

SENDERS = 32  # threads; many more than wait at a time, so that a slow PUT does not hold up the next

Send = Callable[[int], object]  # sends the photo of a number


def at_moments(moments: list[float], send: Send) -> tuple[list[float], list[float]]:
    """Send photo n at `moments[n]` seconds from now, in an open loop: no send waits for a result or another send.

    Gives the moments that were due and those at which the sends began, both in monotonic seconds.
    """
    begun = [0.0] * len(moments)

    def sent(number: int) -> None:
        begun[number] = time.monotonic()
        send(number)

    start = time.monotonic()
    due = [start + moment for moment in moments]
    with ThreadPoolExecutor(SENDERS) as pool:
        futures = list[Future[None]]()
        try:
            for number, moment in enumerate(due):
                time.sleep(max(0.0, moment - time.monotonic()))
                futures.append(pool.submit(sent, number))
            for future in futures:
                future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return due, begun


def by_crew(uploaders: int, may_send: Callable[[int], bool], send: Send) -> dict[int, float]:
    """Let `uploaders` threads send photos 0, 1, 2 … one after the other until `may_send(n)` is false.

    Gives the monotonic seconds at which each send began, by number and in their order; the last numbers may have gaps,
    since each thread asks for itself. A send that raises ends all of them, and is raised.
    """
    numbers, begun, lock, given_up = (
        itertools.count(),
        dict[int, float](),
        threading.Lock(),
        threading.Event(),
    )

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
