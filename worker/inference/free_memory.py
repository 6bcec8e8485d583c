"""Returns memory that the process no longer uses to the system."""

import ctypes
import gc


def trim_memory() -> None:
    """Collect garbage and return free pages; glibc keeps hundreds of megabytes after a load.

    Takes a fraction of a second, so call it after loading, never per photo.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # only glibc has it
    if trim is not None:
        trim(0)
