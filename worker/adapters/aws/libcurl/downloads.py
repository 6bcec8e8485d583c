"""GETs by libcurl: it signs, and receives what takes Python's lock for a few microseconds a piece."""

import os
import select
import threading
import urllib.request
from collections.abc import Callable
from typing import Any, Self

import botocore.session
from botocore.httpsession import get_cert_path

from worker.adapters.aws.libcurl.library import pycurl
from worker.adapters.aws.s3_body import Body
from worker.adapters.aws.s3_routes import Request
from worker.errors import WorkerError
from worker.messages import Fetched

CONNECT, READ = 3, 8  # seconds, until there is a connection and between two pieces
MOST_IDLE = 256  # connections, however many buckets there are: each takes a file descriptor
OK = "200"
REFUSE = -1  # answer of a callback that ends the transfer

OPTIONS = {
    pycurl.NOSIGNAL: 1,  # signals are the main thread's
    pycurl.NOPROGRESS: 0,  # calls _progress, at least each second
    pycurl.CONNECTTIMEOUT: CONNECT,
    pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_1_1,  # as boto3
    pycurl.PROTOCOLS: pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS,
    pycurl.PROXY: "",  # none, whatever the environment says later
    pycurl.MAXCONNECTS: 1,  # a new one takes the place of one that is not used again
}


class Downloads:
    """Connections that are kept. Thread-safe: each is one thread's at a time, the last one used first."""

    def __init__(self, certificates: Any, clock: Callable[[], float]) -> None:
        """`certificates`: the file of those that a server's must be signed by."""
        self._certificates = certificates
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []  # the last one used last

    @classmethod
    def make(cls, clock: Callable[[], float]) -> Self | None:
        """Make it as botocore's configuration says; None if a proxy is configured, which only boto3 uses."""
        if urllib.request.getproxies().keys() - {"no"}:  # NO_PROXY alone is none
            return None
        bundle = botocore.session.Session().get_config_variable("ca_bundle")
        return cls(bundle or os.environ.get("REQUESTS_CA_BUNDLE") or get_cert_path(True), clock)

    def get(self, request: Request, body: Body) -> Fetched | None:
        """Read a photo; None if that failed, whatever the reason. Raises what `body` raises."""
        connection = self._take(request.place)
        try:
            return connection.get(request, body)
        finally:
            with self._lock:
                self._idle.append(connection)

    def _take(self, place: str) -> "_Connection":
        """Take the last one used for a place, or else a new one; one that is idle for long, if there are many."""
        with self._lock:
            ours = (at for at in reversed(range(len(self._idle))) if self._idle[at].place == place)
            found = next(ours, 0 if len(self._idle) >= MOST_IDLE else None)
            if found is not None:
                return self._idle.pop(found)
        return _Connection(self._certificates, self._clock)


class _Connection:
    """A handle of libcurl, with its connection to one place."""

    place = ""  # none yet

    def __init__(self, certificates: str, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._curl = curl = pycurl.Curl()
        for option, value in OPTIONS.items():
            curl.setopt(option, value)
        curl.setopt(pycurl.CAINFO, certificates)
        curl.setopt(pycurl.HEADERFUNCTION, self._take_line)
        curl.setopt(pycurl.WRITEFUNCTION, self._take_piece)
        curl.setopt(pycurl.XFERINFOFUNCTION, self._progress)

    def get(self, request: Request, body: Body) -> Fetched | None:
        self.place = request.place
        self._body, self._head, self._begun = body, list[str](), False
        self._heard = self._clock()
        self._error: Exception | None = None
        try:
            self._sign(request)
            self._curl.setopt(pycurl.FRESH_CONNECT, self._has_unread())
            self._curl.perform()
            return body.end() if self._begun else None
        except pycurl.error:
            if self._error:
                raise self._error from None
            return None
        finally:
            del self._body, self._error  # they have the photo's memory

    def _sign(self, request: Request) -> None:
        # AWS_SIGV4 comes first: without it, libcurl would send the secret as a password.
        curl, by = self._curl, request.credentials
        curl.setopt(pycurl.AWS_SIGV4, request.scope)
        curl.setopt(pycurl.URL, request.url)
        curl.setopt(pycurl.USERNAME, by.access_key)
        curl.setopt(pycurl.PASSWORD, by.secret_key)
        curl.unsetopt(pycurl.HTTPHEADER)  # an empty list would leave the last token in place
        if by.token:
            curl.setopt(pycurl.HTTPHEADER, [f"x-amz-security-token: {by.token}"])

    def _has_unread(self) -> bool:
        """Whether the server said more than its last answer: the next answer would begin with it.

        libcurl (8.23) only looks at connections that nobody has used for a second.
        """
        number = self._curl.getinfo(pycurl.ACTIVESOCKET)
        if number < 0:
            return False
        unread = select.poll()
        unread.register(number, select.POLLIN)
        return bool(unread.poll(0))

    # What libcurl calls. It drops errors, so they are kept until it has returned.

    def _take_line(self, line: bytes) -> int | None:
        """Take a line of the head; an empty one ends it."""
        text = line.decode("latin-1").strip()
        if text:
            self._head.append(text)
            return None
        _, status, *_ = [*" ".join(self._head[:1]).split(), "", ""]  # there may be no line in front of it
        if status == OK:
            return self._keep_error(self._begin)
        self._head.clear()
        return None if status.startswith("1") else REFUSE  # 100: the answer is yet to come

    def _begin(self) -> None:
        lines = (line.partition(":") for line in self._head)
        fields = {name.lower(): value.strip() for name, _, value in lines}
        size = int(fields.get("content-length", 0))
        self._body.begin(size, fields.get("etag"), fields.get("x-amz-version-id"))
        self._begun = True

    def _take_piece(self, piece: bytes) -> int | None:
        if not self._begun:  # after a 101, which libcurl takes for the answer
            return REFUSE
        self._heard = self._clock()
        return self._keep_error(self._body.add, piece)

    def _progress(self, *_: int) -> int | None:
        return REFUSE if self._clock() - self._heard > READ else None

    def _keep_error(self, act: Callable[..., None], *arguments: bytes) -> int | None:
        try:
            act(*arguments)
        except (WorkerError, MemoryError, ValueError) as error:
            self._error = error
            return REFUSE
        return None
