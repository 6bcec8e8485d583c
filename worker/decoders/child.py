"""A decoder process: confines itself, then decodes one photo after another.

It reads a photo's bytes from memory that it shares with the worker, and writes the pixels there. Its
replies are JSON: the worker must not trust a process that a photo may have taken over.
"""

import json
import os
import socket
from typing import Any, NoReturn

from worker.decoders.confinement import AddressSpace, confine
from worker.errors import OutOfMemoryError, PhotoError, TooCostlyError
from worker.photos import decoding, hashes
from worker.photos.decoding import Target

CHANNEL, MEMORY = 3, 4  # descriptors in the process
MOST_TEXT = 300  # characters of an error
# What decoding may take beside the photo's bytes; SECURITY.md states it.
CONSTANT, PER_PIXEL = 64_000_000, 16  # bytes
PER_BYTE = 1  # a second copy of the photo, as some decoders make
GROWTH = 128_000_000  # bytes a process may have lost to leaks; then another one replaces it


def main(channel: int, memory: int, job: dict[str, Any], parent: int) -> NoReturn:
    """Confine the process and serve until the worker closes the channel. Never returns."""
    status = 1
    try:
        confine(keep={CHANNEL: channel, MEMORY: memory}, largest_file=job["largest_file"], parent=parent)
        largest = CONSTANT + PER_PIXEL * job["max_pixels"] + (1 + PER_BYTE) * job["max_bytes"]
        _Server(job, AddressSpace(GROWTH + largest)).run(socket.socket(fileno=CHANNEL))
        status = 0
    finally:
        os._exit(status)  # no clean-up: everything here is a copy of the zygote's


class _Server:
    def __init__(self, job: dict[str, Any], space: AddressSpace) -> None:
        self._target = Target(*job["target"])
        self._algorithm = hashes.find(job["hash"])
        self._max_pixels = job["max_pixels"]
        self._space = space

    def run(self, channel: socket.socket) -> None:
        """Serve until the channel is closed, or until the process has grown or run out of memory."""
        channel.send(json.dumps({"ready": os.getpid()}).encode())
        is_last = False
        while not is_last and (request := channel.recv(64)):
            reply = self._decode(os.pread(MEMORY, int(request), 0))
            is_last = reply.get("error") == TooCostlyError.code or self._space.growth > GROWTH
            channel.send(json.dumps({**reply, "last": is_last}).encode())

    def _decode(self, data: bytes) -> dict[str, Any]:
        before, allowed = self._space.used, CONSTANT + PER_BYTE * len(data)
        try:
            self._space.limit(before + allowed)
            image = decoding.open_photo(data, self._max_pixels)
            allowed += PER_PIXEL * image.width * image.height
            self._space.limit(before + allowed)
            pixels, image_hash = decoding.decode(image, self._target, self._algorithm)
        except PhotoError as error:
            return {"error": error.code, "text": str(error)[:MOST_TEXT]}
        except MemoryError:
            if self._space.has(allowed):
                return {"error": TooCostlyError.code, "text": f"decoding needs more than {allowed} bytes"}
            return {"error": OutOfMemoryError.code, "text": "the machine has no memory left"}
        os.pwrite(MEMORY, pixels.tobytes(), 0)
        return {"hash": image_hash}
