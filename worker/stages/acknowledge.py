"""acknowledge: commit's helper. Lets sources settle their messages, so that no result waits for SQS."""

import queue

from worker.messages import Outcome, Source
from worker.pipeline.queues import BoundedQueue, ShutDown

IDLE = 1.0  # seconds a step waits for something to settle
PLACES = 1_000  # groups of up to ten messages; poll stops long before, see `is_behind`
BEHIND = 10  # groups


class Acknowledge:
    """`settle` is commit's, `step` the helper thread's."""

    def __init__(self) -> None:
        self.groups: BoundedQueue[tuple[Source, list[Outcome]]] = BoundedQueue(PLACES)

    def settle(self, source: Source, outcomes: list[Outcome]) -> None:
        """Have messages settled soon, or at once if the helper was cancelled."""
        try:
            self.groups.put((source, outcomes))
        except ShutDown:
            source.settle(outcomes)

    def step(self) -> None:
        """Settle one group. Raises ShutDown once commit has ended and nothing is left."""
        try:
            source, outcomes = self.groups.get(timeout=IDLE)
        except queue.Empty:
            return
        source.settle(outcomes)

    def is_behind(self) -> bool:
        """Whether SQS is so slow that nothing more should be received."""
        return self.groups.qsize() > BEHIND
