"""A child process that decodes the photos named on its input, and prints the outcome and memory of each.

Its address space is limited: a photo that asks for too much memory fails, instead of making the
machine swap.
"""

import json
import resource
import sys
import time
from pathlib import Path

from worker.errors import PhotoError
from worker.photos import decoding

TARGET = decoding.Target(224, 224, "crop")
MAX_PIXELS = 100_000_000


def main() -> None:
    """Read paths until the end of the input; print a JSON line for each."""
    decoding.warm_up(TARGET)
    limit = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for line in sys.stdin:
        path = Path(line.rstrip("\n"))
        data = path.read_bytes()
        before = _forget_peak()
        begun = time.monotonic()
        outcome = _outcome(data)
        seconds = time.monotonic() - begun
        sys.stdout.write(json.dumps([path.name, outcome, _memory("VmHWM") - before, seconds]) + "\n")
        sys.stdout.flush()


def _outcome(data: bytes) -> str:
    """Return `pixels` or the code of a photo error; name any other exception in full."""
    try:
        pixels, image_hash = decoding.prepare(data, TARGET, MAX_PIXELS)
    except PhotoError as error:
        return error.code
    except MemoryError:
        return "out_of_memory"
    except BaseException as error:  # noqa: BLE001 - that is what is looked for
        return f"ESCAPED {type(error).__name__}: {error}"
    fits = (
        pixels.shape == (224, 224, 3)
        and pixels.dtype == "uint8"
        and (image_hash or "phash-1:").startswith("phash-1:")
    )
    return "pixels" if fits else f"MISSHAPEN {pixels.shape} {pixels.dtype} {image_hash}"


def _forget_peak() -> int:
    """Reset the peak of memory; return the bytes in use now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


if __name__ == "__main__":
    main()
