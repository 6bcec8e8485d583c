"""The rule by which write.lua refuses a result, in Python: tests hold the script and simulations to it."""

from worker.errors import ObjectGoneError
from worker.messages import S3Object
from worker.result import Result
from worker.results.known import content, is_unordered


def is_overtaken(stored: Result, scored: S3Object, seen: str) -> bool:
    """Whether other content than `seen` is stored meanwhile, so that `scored` may be the older one."""
    gone = stored.error is not None and stored.error.code == ObjectGoneError.code
    other = content(stored.source) not in {content(scored), seen}
    return other and not gone and is_unordered(stored, scored)
