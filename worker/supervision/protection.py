"""Decides when to ask ECS to protect this task from scale-in: while photos are in work.

No photo depends on it, because a stopped task drains first; protection only makes scale-in choose
idle tasks. So it never delays the work, and a draining task asks for nothing: ECS has chosen it.

ECS does not stop a protected task for scale-in or to finish a deployment (ECS developer guide,
"Protect your Amazon ECS tasks from being terminated by scale-in events"). So a protection expires
soon, and under steady load it pauses now and then: a deployment would otherwise wait for ever.
"""

from collections.abc import Callable

from worker.errors import WorkerError

MINUTES = 3  # until a protection expires, also that of a killed worker; ECS allows 1 … 2880
IDLE = 15.0  # seconds without a photo until the protection ends
LONGEST_PROTECTION, PAUSE = 600.0, 60.0  # seconds with and without protection under steady load
MIN_INTERVAL = 5.0  # seconds between two calls
FIRST_RETRY, LONGEST_RETRY = 10.0, 300.0  # seconds; chance cuts up to half of it
RARE_RETRY = 900.0  # the same where only other rights, settings or services can help
FINAL = {  # the causes for which that is so
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
    """Raised when ECS did not change the protection, or it is unknown whether it did.

    `cause` is ECS's code.
    """

    code = "protection_refused"

    def __init__(self, cause: str, reason: str) -> None:
        super().__init__(reason)
        self.cause = cause


class ProtectionSchedule:
    """Decides by the number of messages in flight, several times a second. Belongs to one thread.

    It misses a photo that is done between two checks, but nothing could stop the task that fast.
    """

    def __init__(self, clock: Callable[[], float], chance: Callable[[], float]) -> None:
        """`clock` returns monotonic seconds, `chance` a number of 0 … 1."""
        self._clock = clock
        self._chance = chance
        self._busy_until = self._paused_until = self._earliest_call = clock()
        self._called_at = 0.0
        self._protected_since: float | None = None
        self._expires_at = 0.0
        self._refusals = 0  # in a row
        self._causes = set[str]()  # reported since the last success

    def next_call(self, in_flight: int) -> bool | None:
        """Return True to enable the protection now, False to end it, None for no call.

        The caller makes that call and reports its result.
        """
        now = self._clock()
        if in_flight:
            self._busy_until = now + IDLE
        if self._protected_since is not None and now >= self._expires_at:
            self._protected_since = None
        if now < self._earliest_call:
            return None
        enable = self._needs_protection(now)
        expires_soon = self._expires_at - now <= MINUTES * 60 / 2
        due = enable if self._protected_since is None else not enable or expires_soon
        if not due:
            return None
        self._called_at, self._earliest_call = now, now + MIN_INTERVAL
        return enable

    def report_success(self, enabled: bool) -> bool:
        """Record a successful call; returns whether the protection began or ended."""
        changed = enabled == (self._protected_since is None)
        self._refusals = 0
        self._causes.clear()
        if not enabled:
            self._protected_since = None
            return changed
        if changed:
            self._protected_since = self._called_at
        self._expires_at = self._called_at + MINUTES * 60  # never later than at ECS
        return changed

    def report_refusal(self, cause: str) -> bool:
        """Record a refusal and delay the next call; returns whether its cause is a new one.

        ECS may have carried out the call all the same; that protection expires by itself.
        """
        backoff = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(self._refusals, 10))
        delay = RARE_RETRY if cause in FINAL else backoff
        self._earliest_call = self._clock() + delay * (1 - self._chance() / 2)
        self._refusals += 1
        is_new = cause not in self._causes
        self._causes.add(cause)
        return is_new

    def _needs_protection(self, now: float) -> bool:
        if self._protected_since is not None and now - self._protected_since >= LONGEST_PROTECTION:
            self._paused_until = now + PAUSE
        return self._paused_until <= now < self._busy_until
