"""Judges signatures as S3 and SQS do: signs each request anew with botocore's own signer, and compares.

S3 decodes path and query before it signs (Amazon S3 API reference, "Signature calculations for the
authorization header"), so an escape that the client wrote in another way is refused here, too.
"""

import hmac
import json
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlsplit

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.support.http_server import Request, Response

WRONG_REGION = "AuthorizationHeaderMalformed"


@dataclass
class StrictS3:
    """Gives the same photo for every key, if the request is signed by known credentials.

    `known`: secret and session token by access key.
    """

    known: dict[str, tuple[str, str | None]]
    give: bytes
    region: str = "us-east-1"
    service: ClassVar[str] = "s3"
    signer: ClassVar[type[SigV4Auth]] = S3SigV4Auth
    signed_by: list[str] = field(default_factory=list)  # access keys of good requests

    def __call__(self, request: Request) -> Response:
        """Answer a request."""
        code = self._judge(request)
        if code:
            body = self._error(code)
            return 400 if code == WRONG_REGION else 403, {"Content-Length": str(len(body))}, body
        return 200, {"Content-Length": str(len(self.give))}, self.give

    def _error(self, code: str) -> bytes:
        return f"<Error><Code>{code}</Code><Region>{self.region}</Region></Error>".encode()

    def _judge(self, request: Request) -> str:
        """Return the code of S3's error; empty for a request that S3 would serve."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        split = urlsplit(f"http://{headers['host']}{_path(request.path)}")
        query = dict(parse_qsl(split.query, keep_blank_values=True))
        by_url = "X-Amz-Signature" in query
        if by_url:
            scope, signed, signature = (
                query[f"X-Amz-{name}"] for name in ("Credential", "SignedHeaders", "Signature")
            )
            date, token = query["X-Amz-Date"], query.get("X-Amz-Security-Token")
            del query["X-Amz-Signature"]
        else:
            fields = headers["authorization"].removeprefix("AWS4-HMAC-SHA256 ").replace(" ", "").split(",")
            scope, signed, signature = (part.partition("=")[2] for part in fields)
            date, token = headers["x-amz-date"], headers.get("x-amz-security-token")
        key, _, region, *_ = scope.split("/")
        if key not in self.known:
            return "InvalidAccessKeyId"
        secret, right_token = self.known[key]
        if token != right_token:
            return "InvalidToken"
        if region != self.region:
            return WRONG_REGION
        must = {"host", *(name for name in headers if name.startswith("x-amz-"))}
        if not must <= set(signed.split(";")):
            return "AccessDenied"
        canonical = f"{split.path}?" + "&".join(
            f"{quote(n, safe='~')}={quote(v, safe='~')}" for n, v in query.items()
        )
        again = AWSRequest(
            request.method,
            f"http://{headers['host']}{canonical}",
            {name: headers[name] for name in signed.split(";")},
            request.body,
        )
        again.context["timestamp"] = date
        signer_class = S3SigV4QueryAuth if by_url else self.signer
        signer = signer_class(Credentials(key, secret), self.service, region)
        expected = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
        if not hmac.compare_digest(expected, signature):
            return "SignatureDoesNotMatch"
        self.signed_by.append(key)
        return ""


class StrictSqs(StrictS3):
    """Gives the same answer to every call."""

    service = "sqs"
    signer = SigV4Auth

    def _judge(self, request: Request) -> str:
        is_call = request.headers.get("X-Amz-Target", "").startswith("AmazonSQS.")
        return super()._judge(request) if is_call else "UnknownOperationException"

    def _error(self, code: str) -> bytes:
        return json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": code}).encode()


def _path(target: str) -> str:
    """The target with its path escaped as S3 would."""
    path, mark, query = target.partition("?")
    return quote(unquote_to_bytes(path), safe="/~") + mark + query
