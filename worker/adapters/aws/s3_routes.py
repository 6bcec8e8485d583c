"""How to GET an object by libcurl, if it can."""

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from worker.adapters.aws.clients import s3_style
from worker.adapters.aws.libcurl.routes import Request, Routes

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client  # noqa: F401 - named in a string

PROBE = "key"
DOTS = {".", ".."}


class S3Routes(Routes["S3Client"]):
    """The client of S3, and what it knows of each bucket. Thread-safe."""

    service = "s3"
    signs = "host"

    def __init__(self, **options: Any) -> None:
        """The options are those of make_client. Raises ConfigurationError for a wrong region or profile."""
        super().__init__(**s3_style(), **options)

    def find(self, bucket: str, key: str, version_id: str | None) -> Request | None:
        """Return how to GET an object; None if only boto3 can. Raises botocore's errors and ValueError."""
        route = self._find(bucket, "get_object", {"Bucket": bucket, "Key": PROBE})
        if not route.scope or self._credentials is None or not route.url.endswith(f"/{PROBE}"):
            return None
        if not key or has_dots(key):  # libcurl would remove dots; without a key it would list the bucket
            return None
        query = f"?versionId={quote(version_id, safe='')}" if version_id else ""
        url = f"{route.url.removesuffix(PROBE)}{quote(key)}{query}"
        return Request(route.url, url, route.scope, self._credentials.get_frozen_credentials())


def has_dots(key: str) -> bool:
    """Whether parts of a key look like folders of a path, which URLs do not keep."""
    return not DOTS.isdisjoint(key.split("/"))
