"""The process that all decoder processes are forked from, so that each starts within milliseconds.

It has loaded and tried everything that decoding needs, and nothing else: no AWS, no Redis, no
TensorFlow. It runs one thread, takes orders through a socket, and tells each decoder's socket how
that decoder ended. It ends when the worker does, and the decoders end with it.
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from worker.decoders import child
from worker.decoders.confinement import hide_process, offer_to_die_first
from worker.photos import decoding, hashes

MOST_ORDER = 1024  # bytes


@dataclass(eq=False)
class Zygote:
    """Forks and kills decoder processes, as the worker asks for by `control`."""

    control: socket.socket
    channels: dict[int, socket.socket] = field(default_factory=dict)  # by process id

    def __post_init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._selector.register(self.control, selectors.EVENT_READ)

    def run(self) -> None:
        """Obey until the worker has gone."""
        while True:
            for key, _ in self._selector.select():
                if key.data is not None:
                    self._bury(key.fd, key.data)
                elif not self._obey():
                    return

    def _obey(self) -> bool:
        """Carry out one order. False once there will be no more."""
        text, descriptors, _, _ = socket.recv_fds(self.control, MOST_ORDER, 2)
        if not text:
            return False
        order = json.loads(text)
        if "kill" in order:
            if order["kill"] in self.channels:  # not buried yet, so the id is still its own
                os.kill(order["kill"], signal.SIGKILL)
        else:
            self._fork(order, *descriptors)
        return True

    def _fork(self, job: dict[str, Any], channel: int, memory: int) -> None:
        zygote = os.getpid()
        process = os.fork()
        if process == 0:
            child.main(channel, memory, job, parent=zygote)
        os.close(memory)
        self.channels[process] = socket.socket(fileno=channel)
        self._selector.register(os.pidfd_open(process), selectors.EVENT_READ, process)

    def _bury(self, descriptor: int, process: int) -> None:
        """Tell how a decoder process ended."""
        self._selector.unregister(descriptor)
        os.close(descriptor)
        _, status = os.waitpid(process, 0)
        with self.channels.pop(process) as channel, suppress(OSError):
            notice = json.dumps({"ended": os.waitstatus_to_exitcode(status)}).encode()
            channel.send(notice, socket.MSG_DONTWAIT)  # the decoder may have filled it


def main() -> None:
    """Load everything, then obey. Arguments: the control socket's descriptor, and the hash's name."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a stop is the worker's business: it drains first
    offer_to_die_first()
    hide_process()  # what it forks later must not be in the hands of a decoder that a photo has taken over
    decoding.use_one_thread()
    decoding.warm_up(decoding.Target(224, 224, "crop"), hashes.find(sys.argv[2]))
    gc.collect()
    gc.freeze()  # a collection in a child would copy the pages that all share
    Zygote(socket.socket(fileno=int(sys.argv[1]))).run()


if __name__ == "__main__":
    main()
