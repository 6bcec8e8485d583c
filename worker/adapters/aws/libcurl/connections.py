"""Requests by libcurl, over connections that are kept."""

import os
import threading
import urllib.request
from collections.abc import Callable
from functools import partial
from typing import Self

import botocore.session
from botocore.httpsession import get_cert_path

from worker.adapters.aws.libcurl.connection import Answer, Connection, Limits
from worker.adapters.aws.libcurl.routes import Request

MOST_IDLE = 256  # connections, however many places there are: each takes a file descriptor


class Connections:
    """Connections that are kept. Thread-safe: each is one thread's at a time, the last one used first."""

    def __init__(self, certificates: str, clock: Callable[[], float], limits: Limits) -> None:
        """`certificates`: the file of those that a server's must be signed by."""
        self._make = partial(Connection, certificates, clock, limits)
        self._lock = threading.Lock()
        self._idle: list[Connection] = []  # the last one used last

    @classmethod
    def make(cls, clock: Callable[[], float], limits: Limits) -> Self | None:
        """Make it as botocore's configuration says; None if a proxy is configured, which only boto3 uses."""
        if urllib.request.getproxies().keys() - {"no"}:  # NO_PROXY alone is none
            return None
        return cls(find_certificates(), clock, limits)

    def send(self, request: Request, answer: Answer) -> bool:
        """Send a request; returns whether its answer is whole and has status 200. Raises what `answer` raises."""
        connection = self._take(request.place)
        try:
            return connection.send(request, answer)
        finally:
            with self._lock:
                self._idle.append(connection)

    def _take(self, place: str) -> Connection:
        """Take the last one used for a place, or else a new one; one that is idle for long, if there are many."""
        with self._lock:
            ours = (at for at in reversed(range(len(self._idle))) if self._idle[at].place == place)
            found = next(ours, 0 if len(self._idle) >= MOST_IDLE else None)
            if found is not None:
                return self._idle.pop(found)
        return self._make()


def find_certificates() -> str:
    """Return the file of certificates that boto3 would trust."""
    bundle = botocore.session.Session().get_config_variable("ca_bundle")
    return str(bundle or os.environ.get("REQUESTS_CA_BUNDLE") or get_cert_path(True))
