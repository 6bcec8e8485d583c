"""What an error of S3 means: that the service fails, or that one object cannot be read. Pure."""

from botocore.exceptions import ClientError

from worker.adapters.aws.clients import EXPIRED, error_code
from worker.errors import (
    AccessDeniedError,
    BucketGoneError,
    KeyRefusedError,
    MessageError,
    ObjectArchivedError,
    ObjectGoneError,
    ObjectRefusedError,
    StorageError,
    reason,
)

# MethodNotAllowed: the version is a delete marker. A bare 404 does not count: a proxy may send it.
_GONE = {"NoSuchKey", "NoSuchVersion", "MethodNotAllowed"}
_OF_ONE_OBJECT: dict[str, type[MessageError]] = {
    "AccessDenied": AccessDeniedError,
    "AllAccessDisabled": AccessDeniedError,
    "InvalidObjectState": ObjectArchivedError,
    "NoSuchBucket": BucketGoneError,
}
# Answers of 4xx that every object gets: wrong credentials, clock, signature or region, a slow
# connection, an account that is closed.
_OF_ALL_OBJECTS = EXPIRED | {
    "AccountProblem",
    "AuthorizationHeaderMalformed",
    "InvalidSecurity",
    "NotSignedUp",
    "RequestTimeTooSkewed",
    "RequestTimeout",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
}
TOO_MANY_REQUESTS = 429


def fault_of(error: ClientError, subject: str) -> MessageError:
    """Return the error to raise for an answer to a read of `subject`."""
    code, status = error_code(error), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _GONE:
        return ObjectGoneError(f"{subject} does not exist")
    of_all = not 400 <= status < 500 or status == TOO_MANY_REQUESTS or code in _OF_ALL_OBJECTS
    # Without a code of S3's the answer is a proxy's, and botocore gives the status as the code.
    if of_all or not code or code.isdecimal() or "Throttl" in code:
        return StorageError(reason(error))
    other = KeyRefusedError if code.startswith("KMS.") else ObjectRefusedError
    return _OF_ONE_OBJECT.get(code, other)(f"{subject}: {reason(error)}")
