"""Whether ECS is to be asked not to stop this task, and when: while photos are in work, by their number. Pure.

A task that is stopped drains, so that no photo is lost without any of this; protection only lets scale-in choose the
tasks that idle. So nothing here is worth a delay of the work, and nothing is asked during a drain: ECS has chosen.

ECS neither scales in nor finishes a deployment by stopping a protected task (ECS developer guide, "Protect your Amazon
ECS tasks from being terminated by scale-in events"). Hence short expiries, and a rest now and then under unbroken load:
a deployment would wait for ever.
"""

from collections.abc import Callable

from worker.errors import WorkerError

MINUTES = 3  # a protection's life: a worker that is killed holds nothing up for longer; ECS allows 1 … 2880
IDLE = 15.0  # seconds without a photo after which a task may go
MOST, REST = 600.0, 60.0  # seconds of protection under unbroken load, and without it thereafter
GAP = 5.0  # seconds between two calls at least
FIRST, LONGEST = (
    10.0,
    300.0,
)  # seconds until a refused call is tried again, before chance shortens it by up to a half
SELDOM = 900.0  # the same where only a change of rights, settings or service can help
FINAL = {  # codes and reasons for which it is
    "AccessDenied",
    "AccessDeniedException",
    "ClientException",
    "ClusterNotFoundException",
    "InvalidParameterException",
    "ResourceNotFoundException",
    "TASK_NOT_VALID",  # the task belongs to no service
    "UnsupportedFeatureException",
}


class RefusedError(WorkerError):
    """Raised when ECS has not changed the protection, or nobody knows; `why` is its code."""

    code = "protection_refused"

    def __init__(self, why: str, reason: str) -> None:
        super().__init__(reason)
        self.why = why


class Protection:
    """Told how many messages are in flight, several times a second; belongs to one thread.

    `clock` gives monotonic seconds, `chance` numbers of 0 … 1. A photo that comes and goes between two looks is not
    seen: it is done before anybody could stop the task.
    """

    def __init__(self, clock: Callable[[], float], chance: Callable[[], float]) -> None:
        self._clock = clock
        self._chance = chance
        self._busy_until = self._rest_until = self._not_before = clock()
        self._asked_at = 0.0
        self._since: float | None = None  # when the protection began that has not ended
        self._until = 0.0  # when it ends by itself
        self._refusals = 0  # in a row
        self._told: set[str] = set()  # why, since the last success

    def due(self, in_flight: int) -> bool | None:
        """What ECS is to be asked for now: to protect, not to, or nothing at all. The answer must be reported."""
        now = self._clock()
        if in_flight:
            self._busy_until = now + IDLE
        if self._since is not None and now >= self._until:
            self._since = None
        if now < self._not_before:
            return None
        wanted = self._is_wanted(now)
        ending = self._until - now <= MINUTES * 60 / 2
        needed = wanted if self._since is None else not wanted or ending
        if not needed:
            return None
        self._asked_at, self._not_before = now, now + GAP
        return wanted

    def granted(self, protected: bool) -> bool:
        """Note that ECS did as asked; whether that has changed anything, or only prolonged it."""
        news = protected == (self._since is None)
        self._refusals = 0
        self._told.clear()
        if not protected:
            self._since = None
        else:
            self._since = self._asked_at if self._since is None else self._since
            self._until = self._asked_at + MINUTES * 60  # from before the call: never longer here than at ECS
        return news

    def refused(self, why: str) -> bool:
        """Note a refusal, and wait before the next call; whether it is the first for this cause since a success.

        What the call was to change may have changed all the same; a protection nobody knows of ends by itself.
        """
        pause = SELDOM if why in FINAL else min(LONGEST, FIRST * 2 ** min(self._refusals, 10))
        self._not_before = self._clock() + pause * (1 - self._chance() / 2)
        self._refusals += 1
        first = why not in self._told
        self._told.add(why)
        return first

    def _is_wanted(self, now: float) -> bool:
        if self._since is not None and now - self._since >= MOST:
            self._rest_until = now + REST
        return self._rest_until <= now < self._busy_until
