"""Where to GET an object, and how to sign for it: what botocore would do, found once for each bucket.

To sign one URL, botocore holds Python's lock for longer than all the rest of a small photo's fetch
takes. Where that is, and in which region, does not change from photo to photo. So botocore is asked
once for each bucket, and libcurl signs what is asked of that place.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import boto3
from botocore.credentials import ReadOnlyCredentials

from worker.adapters.aws.clients import Client, make_client, s3_style

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PROBE = "key"
DOTS = {".", ".."}
# What a URL has that anybody can sign who has a key, region and service (AWS Signature Version 4).
# One that botocore signs otherwise, for instance of S3 Express, has other fields.
ALGORITHM = "AWS4-HMAC-SHA256"
PLAIN = {
    f"X-Amz-{name}" for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
}


@dataclass(frozen=True, slots=True)
class Request:
    """A GET that libcurl signs: `scope` as its option AWS_SIGV4 wants it. A `place` has one host."""

    place: str
    url: str
    scope: str
    credentials: ReadOnlyCredentials = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Route:
    """A bucket's URL with a slash at its end; no `scope` where only botocore knows how to sign."""

    url: str
    scope: str


class Routes:
    """The client of S3, and what it knows of each bucket. Thread-safe."""

    def __init__(self, **options: Any) -> None:
        """The options are those of make_client. Raises ConfigurationError for a wrong region or profile."""
        self._options = options
        self.client: Client[S3Client] = Client(self._make)

    def find(self, bucket: str, key: str, version_id: str | None) -> Request | None:
        """Return how to GET an object; None if only boto3 can. Raises botocore's errors and ValueError."""
        route = self._routes.get(bucket) or self._ask(bucket)
        # libcurl would remove dots; without a key it would list the bucket.
        if not route.scope or not key or self._credentials is None or has_dots(key):
            return None
        query = f"?versionId={quote(version_id, safe='')}" if version_id else ""
        credentials = self._credentials.get_frozen_credentials()
        return Request(route.url, f"{route.url}{quote(key)}{query}", route.scope, credentials)

    def _make(self) -> "S3Client":
        """Make a client, with routes and credentials of its own: those it replaces were refused."""
        session = boto3.Session()
        client: S3Client = make_client("s3", session=session, **s3_style(), **self._options)
        self._credentials, self._routes = session.get_credentials(), dict[str, _Route]()
        return client

    def _ask(self, bucket: str) -> _Route:
        """Have botocore sign a URL, and read off it where the bucket is and how it signed."""
        target = {"Bucket": bucket, "Key": PROBE}
        url = self.client.call(lambda s3: s3.generate_presigned_url("get_object", target))
        route = self._routes[bucket] = _read(url)
        return route


def has_dots(key: str) -> bool:
    """Whether parts of a key look like folders of a path, which URLs do not keep."""
    return not DOTS.isdisjoint(key.split("/"))


def _read(url: str) -> _Route:
    place, _, query = url.partition("?")
    fields = parse_qs(query)
    _, _, region, service, *_ = "/".join(fields.get("X-Amz-Credential", ["////"])).split("/")
    is_plain = (
        fields.keys() - {"X-Amz-Security-Token"} == PLAIN
        and fields["X-Amz-Algorithm"] == [ALGORITHM]
        and fields["X-Amz-SignedHeaders"] == ["host"]
        and service == "s3"
        and urlsplit(place).path.endswith(f"/{PROBE}")
    )
    return _Route(place.removesuffix(PROBE), f"aws:amz:{region}:{service}" if is_plain else "")
