"""Watches a page, from a process of its own: what viewers cost must not count for the worker.

    python -m bench.door.viewers

Reads lines of JSON, {"port": …, "viewers": N}: from then on as many watch. Answers each with how many
bytes all viewers have read so far.
"""

import json
import socket
import sys
import threading

from localstack.services import HOST

REQUEST = f"GET /events HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
PATIENCE = 10.0  # seconds until a frame must come
PIECE = 65_536  # bytes


class Viewer:
    """One who reads all that comes, in a thread of its own."""

    def __init__(self, port: int) -> None:
        self.read = 0  # bytes
        self._socket = socket.create_connection((HOST, port), timeout=PATIENCE)
        self._socket.sendall(REQUEST)
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def leave(self) -> None:
        """Go."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _watch(self) -> None:
        while data := self._socket.recv(PIECE):
            self.read += len(data)


def main() -> None:
    """Answer until the input ends."""
    viewers, before = list[Viewer](), 0
    for line in sys.stdin:
        asked = json.loads(line)
        while len(viewers) > asked["viewers"]:
            gone = viewers.pop()
            gone.leave()
            before += gone.read
        while len(viewers) < asked["viewers"]:
            viewers.append(Viewer(asked["port"]))
        print(json.dumps({"read": before + sum(one.read for one in viewers)}), flush=True)


if __name__ == "__main__":
    main()
