"""When a batch is ready. Knows nothing of what is in it.

Take what is there the moment the consumer is free; wait for more only if told to, and count that wait from the
first item's own time, so that an item which already waited for the consumer does not wait again.
"""

import queue
from collections.abc import Callable
from typing import TypeVar

from worker.queues import BoundedQueue, ShutDown

T = TypeVar("T")


def take_batch(
    items: BoundedQueue[T],
    largest: int,
    *,
    idle: float,
    wait: float = 0.0,
    since: Callable[[T], float] | None = None,
    clock: Callable[[], float] | None = None,
) -> list[T]:
    """Take 1 … `largest` items in their order; an empty list after `idle` seconds without any.

    `wait` seconds are granted for more, from `since(first)` on by `clock`; both are needed where `wait` is not 0.
    Raises ShutDown once the queue is closed and empty; a queue closed meanwhile ends the wait.
    """
    try:
        batch = [items.get(timeout=idle)]
    except queue.Empty:
        return []
    deadline = since(batch[0]) + wait if wait and since and clock else None
    while len(batch) < largest:
        left = deadline - clock() if deadline is not None and clock else 0.0
        try:
            batch.append(items.get(timeout=left) if left > 0 else items.get(block=False))
        except (queue.Empty, ShutDown):
            break
    return batch
