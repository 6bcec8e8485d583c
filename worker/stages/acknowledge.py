"""acknowledge: commit's helper. Lets sources settle their messages, so that no result waits for SQS."""

from worker.messages import Outcome, Source
from worker.pipeline.batching import take_batch
from worker.pipeline.queues import BoundedQueue, ShutDown

IDLE = 1.0  # seconds a step waits for something to settle
SETTLED_TOGETHER = 10  # messages in one of SQS's calls
PLACES = 10_000  # outcomes; poll stops long before, see `is_behind`
BEHIND = 100  # outcomes


class _Written(BoundedQueue[Outcome]):
    """Loses nothing when everything is cancelled: a message whose result is written shall be deleted."""

    def shutdown(self, immediate: bool = False) -> None:  # noqa: ARG002 - it is emptied by its taker only
        super().shutdown()


class Acknowledge:
    """`settle` is commit's, `step` the helper thread's."""

    def __init__(self) -> None:
        self.outcomes: BoundedQueue[Outcome] = _Written(PLACES)

    def settle(self, source: Source, outcomes: list[Outcome]) -> None:
        """Have messages settled soon: at once if there are none, or if the helper may have ended."""
        left = [*outcomes]
        try:
            while source.is_patient and left:
                self.outcomes.put(left[0])
                del left[0]
        except ShutDown:
            pass
        if left:
            source.settle(left)

    def step(self) -> None:
        """Settle what waits, as much as fits one call. Raises ShutDown once commit has ended and nothing is left."""
        outcomes = take_batch(self.outcomes, SETTLED_TOGETHER, idle=IDLE)
        for source in {id(outcome.source): outcome.source for outcome in outcomes}.values():
            source.settle([outcome for outcome in outcomes if outcome.source is source])

    def is_behind(self) -> bool:
        """Whether SQS is so slow that nothing more should be received."""
        return self.outcomes.qsize() > BEHIND
