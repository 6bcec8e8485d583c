"""Memory that the process no longer needs goes back to the system."""

import ctypes
import gc


def give_back() -> None:
    """Collect what is unreachable and return free pages: glibc keeps hundreds of megabytes after a load.

    Takes a fraction of a second: for the start, not for every photo.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other C libraries have none
    if trim is not None:
        trim(0)
