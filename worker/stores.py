"""The result store that the settings name."""

from worker.adapters.redis.store import ResultStore
from worker.results.look_alikes import Index
from worker.results.redis_keys import Keys
from worker.settings import Settings


def result_store(settings: Settings, index: Index | None = None) -> ResultStore:
    """Connect to it; without an index to read and to forget only. Raises ConfigurationError."""
    return ResultStore.connect(
        settings.redis_url.get_secret_value(),
        keys=Keys(settings.result_key),
        expiry=settings.result_expiry,
        timeout=settings.redis_timeout,
        index=index,
    )
