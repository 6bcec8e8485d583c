"""Plants faults into decoder processes: a photo whose last bytes name a fault has it.

Python imports this file when a process starts that has this folder in its path, as decoder
processes do if the worker has it.
"""

import ctypes
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from PIL import Image

from worker.decoders import child
from worker.photos import decoding, opening, thumbnails
from worker.photos.looks import Look

MARK = b"#fault:"


def spin() -> None:
    """Use the CPU without end."""
    while True:
        pass


def allocate() -> None:
    """Take memory without end."""
    taken = []
    while True:
        taken.append(bytearray(1_000_000))


def crash() -> None:
    """Read memory that is not there."""
    ctypes.string_at(0)


def flood() -> None:
    """Fill the channel to the worker, then end."""
    channel = socket.socket(fileno=3)
    channel.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            channel.send(b"{}")
    os._exit(1)


def reply(*look: object) -> None:
    """Say of the photo what no decoder says."""
    vars(decoding)["look"] = lambda *_: Look(*look)  # type: ignore[arg-type] # that is the fault


def name_part(name: str) -> None:
    """Say that something else was decoded than a photo or a thumbnail."""
    decode = thumbnails.decode_cheapest
    vars(child)["decode_cheapest"] = lambda *given, **named: (*decode(*given, **named)[:2], name)


HASH, COLOURS = "phash-1:0123456789abcdef", "lab-1:" + "88" * 16
FAULTS: dict[bytes, Callable[[], object]] = {
    b"segfault": crash,
    b"abort": os.abort,
    b"exit": lambda: os._exit(0),
    b"flood": flood,
    b"hang": lambda: time.sleep(1_000_000),
    b"spin": spin,
    b"allocate": allocate,
    b"hash": lambda: reply("phash-1:", COLOURS),
    b"colours": lambda: reply(HASH, COLOURS + "8"),
    b"number": lambda: reply(HASH, 8),
    b"no colours": lambda: reply(HASH, None),
    b"no hash": lambda: reply(None, COLOURS),
    b"part": lambda: name_part("frame"),
    b"killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
}
_open_photo = opening.open_photo


def open_photo(data: bytes, max_pixels: int) -> Image.Image:
    """Have the fault that the photo names, then open it."""
    if MARK in data:
        FAULTS[data.rpartition(MARK)[2]]()
    return _open_photo(data, max_pixels)


opening.open_photo = open_photo
