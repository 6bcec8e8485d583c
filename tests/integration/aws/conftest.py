"""Credentials and region of a client that asks a server of the test."""

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.http_server import Request, Response, serve


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment with a key, its secret and a region, and nothing else of AWS."""
    for name in (
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_CA_BUNDLE",
        "REQUESTS_CA_BUNDLE",
        "NO_PROXY",
        "no_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "KEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return monkeypatch


@pytest.fixture
def role(aws: pytest.MonkeyPatch) -> Iterator[None]:
    """Credentials of a task's role, ROLE1 and then ROLE2: botocore renews what ends within ten minutes."""
    numbers, lives = itertools.count(1), iter([timedelta(minutes=5), timedelta(hours=6)])

    def answer(_: Request) -> Response:
        number, expires = next(numbers), datetime.now(UTC) + next(lives)
        keys = {"AccessKeyId": f"ROLE{number}", "SecretAccessKey": f"of {number}", "Token": f"token {number}"}
        body = json.dumps({**keys, "Expiration": expires.isoformat()}).encode()
        return 200, {"Content-Length": str(len(body))}, body

    aws.delenv("AWS_ACCESS_KEY_ID")
    aws.delenv("AWS_SECRET_ACCESS_KEY")
    with serve(answer) as agent:
        aws.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{agent}/role")
        yield
