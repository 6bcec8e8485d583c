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
from worker.photos import hashes, opening
from worker.photos.costs import webp_size
from worker.photos.decoding import Target
from worker.photos.thumbnails import decode_cheapest

CHANNEL, MEMORY = 3, 4  # descriptors in the process
MOST_TEXT = 300  # characters of an error
# What decoding may take beside the photo's bytes; SECURITY.md states it.
CONSTANT, PER_PIXEL = 60_000_000, 24  # bytes; libraries may load 4 MB more of themselves
PER_BYTE = 2  # the photo itself, and the copy that some decoders make
GROWTH = 32_000_000  # bytes that a process may keep of earlier photos; then another one replaces it


def main(channel: int, memory: int, job: dict[str, Any], parent: int) -> NoReturn:
    """Confine the process and serve until the worker closes the channel. Never returns."""
    status = 1
    try:
        confine(keep={CHANNEL: channel, MEMORY: memory}, largest_file=job["largest_file"], parent=parent)
        Server(job).run(socket.socket(fileno=CHANNEL))
        status = 0
    finally:
        os._exit(status)  # no clean-up: everything here is a copy of the zygote's


class Server:
    """Decodes photos within a bound of memory."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._target = Target(*job["target"])
        self._algorithm = hashes.find(job["hash"])
        self._max_pixels = job["max_pixels"]
        self._convert_colours = job.get("convert_colours", True)
        self._thumbnails = job.get("embedded_thumbnails", True)
        largest = CONSTANT + PER_PIXEL * job["max_pixels"] + PER_BYTE * job["max_bytes"]
        self._space = AddressSpace(largest)

    def run(self, channel: socket.socket) -> None:
        """Serve until the channel is closed, or until the process has grown or run out of memory."""
        channel.send(json.dumps({"ready": os.getpid()}).encode())
        is_last = False
        while not is_last and (request := channel.recv(64)):
            size = int(request)
            self._space.limit(CONSTANT + PER_BYTE * size)
            reply, pixels = self.decode(os.pread(MEMORY, size, 0))
            os.pwrite(MEMORY, pixels, 0)
            is_last = reply.get("last", False) or not self.shrink()
            channel.send(json.dumps({**reply, "last": is_last}).encode())

    def shrink(self) -> bool:
        """Return memory that earlier photos left free. False if too much is left."""
        return self._space.shrink_to(GROWTH)

    def decode(self, data: bytes) -> tuple[dict[str, Any], bytes]:
        """Decode one photo; returns the reply and the pixels."""
        allowed = CONSTANT + PER_BYTE * len(data)
        try:
            width, height = webp_size(data)  # taken at the opening, if it is allowed
            self._space.limit(allowed + PER_PIXEL * min(width * height, self._max_pixels))
            image = opening.open_photo(data, self._max_pixels)
            allowed += PER_PIXEL * image.width * image.height
            self._space.limit(allowed)
            pixels, look, decoded = decode_cheapest(
                image,
                data,
                self._target,
                self._algorithm,
                convert_colours=self._convert_colours,
                thumbnails=self._thumbnails,
            )
        except PhotoError as error:
            return {"error": error.code, "text": str(error)[:MOST_TEXT]}, b""
        except MemoryError:
            if self._space.could_take(allowed):
                text = f"decoding needs more than {allowed} bytes"
                return {"error": TooCostlyError.code, "text": text, "last": True}, b""
            return {
                "error": OutOfMemoryError.code,
                "text": "the machine has no memory left",
                "last": True,
            }, b""
        told = {"hash": look.image_hash, "colours": look.image_colours, "decoded": decoded}
        return told, pixels.tobytes()
