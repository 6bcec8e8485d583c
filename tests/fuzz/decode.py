"""A child process that decodes the photos named on its input, as a decoder process does.

It prints the outcome, the size in pixels, the memory and the time of each.
"""

import json
import sys
import time
from pathlib import Path

from worker.decoders.child import Server
from worker.errors import PhotoError
from worker.photos import decoding, opening
from worker.photos.hashes import PHASH

TARGET = decoding.Target(224, 224, "crop")
MAX_BYTES, MAX_PIXELS = 25_000_000, 100_000_000


def main() -> None:
    """Read paths until the end of the input; print a JSON line for each."""
    decoding.use_one_thread()
    decoding.warm_up(TARGET)
    job = {"target": [224, 224, "crop"], "hash": PHASH.name, "max_bytes": MAX_BYTES, "max_pixels": MAX_PIXELS}
    server = Server(job)
    start = _memory("VmRSS")
    for line in sys.stdin:
        path = Path(line.rstrip("\n"))
        data = path.read_bytes()
        server.shrink()
        _forget_peak()
        begun = time.monotonic()
        outcome = _outcome(server, data)
        seconds, memory = time.monotonic() - begun, _memory("VmHWM") - start
        sys.stdout.write(json.dumps([outcome, _pixels(data), memory, seconds]) + "\n")
        sys.stdout.flush()


def _outcome(server: Server, data: bytes) -> str:
    """Return `pixels` or the code of a photo error; name any other exception in full."""
    try:
        reply, pixels = server.decode(data)
    except BaseException as error:  # noqa: BLE001 - that is what is looked for
        return f"ESCAPED {type(error).__name__}: {error}"
    if "error" in reply:
        return str(reply["error"])
    look = (reply["hash"] or "phash-1:", reply["colours"] or "lab-1:")
    fits = len(pixels) == 224 * 224 * 3 and look[0].startswith("phash-1:") and look[1].startswith("lab-1:")
    return "pixels" if fits else f"MISSHAPEN {len(pixels)} {look}"


def _pixels(data: bytes) -> int:
    """Return the pixels that the header names; 0 if it cannot be read."""
    try:
        image = opening.open_photo(data, MAX_PIXELS)
    except (PhotoError, MemoryError):
        return 0
    return image.width * image.height


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


if __name__ == "__main__":
    main()
