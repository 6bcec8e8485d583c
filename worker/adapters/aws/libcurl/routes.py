"""Where requests go, and how to sign for them: what botocore would do, found once for each place.

To sign one request, botocore holds Python's lock for longer than all the rest of it takes. Where a
place is, and in which region, does not change from request to request. So botocore is asked once for
each place, and libcurl signs what is asked of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import methodcaller
from typing import Any, ClassVar, Generic
from urllib.parse import parse_qs

from botocore.credentials import ReadOnlyCredentials

from worker.adapters.aws.clients import C, Client, make_client, new_session

# What a URL has that anybody can sign who has a key, region and service (AWS Signature Version 4).
# One that botocore signs otherwise, for instance of S3 Express, has other fields.
ALGORITHM = "AWS4-HMAC-SHA256"
PLAIN = {
    f"X-Amz-{name}" for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
}


@dataclass(frozen=True, slots=True)
class Request:
    """What libcurl signs and sends: `scope` as its option AWS_SIGV4 wants it. A `place` has one host."""

    place: str
    url: str
    scope: str
    credentials: ReadOnlyCredentials = field(repr=False)
    headers: tuple[str, ...] = ()
    data: bytes | None = None  # of a POST; None: a GET


@dataclass(frozen=True, slots=True)
class Route:
    """Where botocore would send a request to; no `scope` where only botocore knows how to sign."""

    url: str
    scope: str


class Routes(Generic[C]):
    """The client of a service, and what it knows of each place. Thread-safe."""

    service: ClassVar[str]
    signs: ClassVar[str]  # the headers that botocore signs, besides those of every signature
    _credentials: Any

    def __init__(self, **options: Any) -> None:
        """The options are those of make_client. Raises ConfigurationError for a wrong region or profile."""
        self._options = options
        self.client: Client[C] = Client(self._make)

    def _make(self) -> C:
        """Make a client, with routes and credentials of its own: those it replaces were refused."""
        session = new_session()
        client: C = make_client(self.service, session=session, **self._options)
        self._credentials, self._routes = session.get_credentials(), dict[str, Route]()
        return client

    def _find(self, place: str, operation: str, target: Mapping[str, str]) -> Route:
        """Have botocore sign a URL, once, and read off it where a place is and how it signed.

        Raises botocore's errors and ValueError.
        """
        if route := self._routes.get(place):
            return route
        url = self.client.call(methodcaller("generate_presigned_url", operation, target))
        address, _, query = url.partition("?")
        fields = parse_qs(query)
        _, _, region, service, *_ = "/".join(fields.get("X-Amz-Credential", ["////"])).split("/")
        is_plain = (
            fields.keys() - {"X-Amz-Security-Token", *target} == PLAIN
            and fields["X-Amz-Algorithm"] == [ALGORITHM]
            and fields["X-Amz-SignedHeaders"] == [self.signs]
            and service == self.service
        )
        route = self._routes[place] = Route(address, f"aws:amz:{region}:{service}" if is_plain else "")
        return route
