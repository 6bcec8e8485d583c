"""Lets calls through to LocalStack only with the rights that AWS asks for; LocalStack itself asks for none."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from localstack.faults.exchange import Exchange
from tests.support.template.rendered import ACCOUNT, REGION
from tests.support.template.rights import Statement, allows

MOVING = (
    "ReceiveMessage",
    "DeleteMessage",
    "GetQueueAttributes",
)  # what SQS does in the caller's name, and sending


@dataclass(slots=True)
class Guard:
    """A fault of the gateway. `used` and `refused` have each action with its ARN."""

    queue: str  # its name; that of its dead-letter queue ends with -dead
    statements: list[Statement] = field(default_factory=list)
    used: set[tuple[str, str]] = field(default_factory=set)
    refused: set[tuple[str, str]] = field(default_factory=set)

    def __call__(self, exchange: Exchange) -> None:
        """Forward a call, or refuse it."""
        url = urlsplit(exchange.path)
        prefix = {"s3__prefix": parse_qs(url.query).get("prefix", [""])[0]} if "prefix=" in url.query else {}
        asked = self._of_sqs(exchange) if exchange.service == "sqs" else _of_s3(exchange)
        if not all(self._may(*one, **prefix) for one in asked):
            return exchange.error(403, "AccessDenied")
        answer, bucket = exchange.forward(), f"arn:aws:s3:::{url.path.split('/')[1]}"
        if exchange.service == "s3" and answer.status == 404 and not self._may("s3:ListBucket", bucket):
            return exchange.error(403, "AccessDenied")  # S3 does not tell whether there is such an object
        return exchange.reply(answer)

    def _may(self, action: str, resource: str, **context: str) -> bool:
        is_allowed = allows(self.statements, action, resource, **context)
        (self.used if is_allowed else self.refused).add((action, resource))
        return is_allowed

    def _of_sqs(self, exchange: Exchange) -> Iterator[tuple[str, str]]:
        call, fields = exchange.operation.removesuffix("Batch"), json.loads(exchange.body)
        name = fields.get("QueueUrl", f"{self.queue}-dead").rsplit("/", 1)[
            -1
        ]  # a move is of the dead-letter queue
        yield f"sqs:{call}", queue_arn(name)
        if call == "StartMessageMoveTask":
            yield from ((f"sqs:{one}", queue_arn(name)) for one in MOVING)
            yield "sqs:SendMessage", queue_arn(self.queue)


def _of_s3(exchange: Exchange) -> Iterator[tuple[str, str]]:
    url = urlsplit(exchange.path)
    bucket, _, key = unquote(url.path).removeprefix("/").partition("/")
    if not key:
        yield "s3:ListBucket", f"arn:aws:s3:::{bucket}"
    elif exchange.operation in {"PutObject", "PostObject"}:
        yield "s3:PutObject", f"arn:aws:s3:::{bucket}/{key}"
    else:
        version = "Version" if "versionId" in parse_qs(url.query) else ""
        yield f"s3:GetObject{version}", f"arn:aws:s3:::{bucket}/{key}"


def queue_arn(name: str) -> str:
    """The ARN of a queue in the template's account."""
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
