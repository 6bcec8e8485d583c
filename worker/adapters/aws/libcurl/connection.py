"""One connection: libcurl signs, and receives what takes Python's lock for a few microseconds a piece."""

import select
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Protocol

from worker.adapters.aws.libcurl.library import pycurl
from worker.adapters.aws.libcurl.routes import Request
from worker.errors import WorkerError

OK = "200"
REFUSE = -1  # answer of a callback that ends the transfer

OPTIONS = {
    pycurl.NOSIGNAL: 1,  # signals are the main thread's
    pycurl.NOPROGRESS: 0,  # calls _progress, at least each second
    pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_1_1,  # as boto3
    pycurl.PROTOCOLS: pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS,
    pycurl.PROXY: "",  # none, whatever the environment says later
    pycurl.MAXCONNECTS: 1,  # a new one takes the place of one that is not used again
}


class Answer(Protocol):
    """What takes an answer while it arrives. Its WorkerError, MemoryError or ValueError ends the request."""

    def begin(self, fields: Mapping[str, str]) -> None:
        """Take the header fields, with lower-case names, of an answer with status 200."""

    def add(self, piece: bytes) -> None:
        """Take a piece of its body."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: until there is a connection, until there is a head and between two pieces, for all of it."""

    connect: float
    read: float
    whole: float = inf


class Connection:
    """A handle of libcurl, with its connection to one place."""

    place = ""  # none yet

    def __init__(self, certificates: str, clock: Callable[[], float], limits: Limits) -> None:
        """`certificates`: the file of those that a server's must be signed by."""
        self._clock, self._limits = clock, limits
        self._curl = curl = pycurl.Curl()
        for option, value in OPTIONS.items():
            curl.setopt(option, value)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(limits.connect * 1000))
        curl.setopt(pycurl.CAINFO, certificates)
        curl.setopt(pycurl.HEADERFUNCTION, self._take_line)
        curl.setopt(pycurl.WRITEFUNCTION, self._take_piece)
        curl.setopt(pycurl.XFERINFOFUNCTION, self._progress)

    def send(self, request: Request, answer: Answer) -> bool:
        """Send a request; returns whether its answer is whole and has status 200. Raises what `answer` raises."""
        self.place = request.place
        self._answer, self._head, self._begun = answer, list[str](), False
        self._heard = self._sent = self._clock()
        self._error: Exception | None = None
        try:
            self._prepare(request)
            self._curl.setopt(pycurl.FRESH_CONNECT, self._has_unread())
            self._curl.perform()
        except pycurl.error:
            if self._error:
                raise self._error from None
            return False
        else:
            return self._begun
        finally:
            del self._answer, self._error  # they have the photo's memory

    def _prepare(self, request: Request) -> None:
        # AWS_SIGV4 comes first: without it, libcurl would send the secret as a password.
        curl, by = self._curl, request.credentials
        curl.setopt(pycurl.AWS_SIGV4, request.scope)
        curl.setopt(pycurl.URL, request.url)
        curl.setopt(pycurl.USERNAME, by.access_key)
        curl.setopt(pycurl.PASSWORD, by.secret_key)
        headers = [*request.headers, f"x-amz-security-token: {by.token}"] if by.token else request.headers
        curl.unsetopt(pycurl.HTTPHEADER)  # an empty list would leave the last token in place
        if headers:
            curl.setopt(pycurl.HTTPHEADER, headers)
        if request.data is None:
            curl.setopt(pycurl.HTTPGET, 1)
        else:
            curl.setopt(pycurl.POSTFIELDS, request.data)

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
        self._answer.begin({name.lower(): value.strip() for name, _, value in lines})
        self._begun = True

    def _take_piece(self, piece: bytes) -> int | None:
        if not self._begun:  # after a 101, which libcurl takes for the answer
            return REFUSE
        self._heard = self._clock()
        return self._keep_error(self._answer.add, piece)

    def _progress(self, *_: int) -> int | None:
        now, limits = self._clock(), self._limits
        return REFUSE if now - self._heard > limits.read or now - self._sent > limits.whole else None

    def _keep_error(self, act: Callable[..., None], *arguments: bytes) -> int | None:
        try:
            act(*arguments)
        except (WorkerError, MemoryError, ValueError) as error:
            self._error = error
            return REFUSE
        return None
