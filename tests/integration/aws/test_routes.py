"""What libcurl is asked to fetch is what botocore would, in every partition and by every option."""

from unittest.mock import Mock

import pytest
from botocore.exceptions import NoCredentialsError

from tests.support.keys import KEYS
from worker.adapters.aws.libcurl.routes import Request
from worker.adapters.aws.s3_routes import S3Routes

BUCKET = "photos"
ARN = "arn:aws:s3:us-east-1:111122223333:accesspoint/photos"


def routes() -> S3Routes:
    return S3Routes(connect=1, read=1, attempts=1)


def asked_by_botocore(found: S3Routes, bucket: str, key: str) -> str:
    """The URL that botocore would ask for, without its signature."""
    target = {"Bucket": bucket, "Key": key}
    return found.client.call(lambda s3: s3.generate_presigned_url("get_object", target)).partition("?")[0]


@pytest.mark.parametrize(
    ("environment", "host", "scope"),
    [
        ({}, f"https://{BUCKET}.s3.amazonaws.com/", "us-east-1"),
        ({"AWS_DEFAULT_REGION": "eu-central-1"}, f"https://{BUCKET}.s3.amazonaws.com/", "eu-central-1"),
        (
            {"AWS_DEFAULT_REGION": "cn-north-1"},
            f"https://{BUCKET}.s3.cn-north-1.amazonaws.com.cn/",
            "cn-north-1",
        ),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, f"https://{BUCKET}.s3.dualstack.us-east-1.", "us-east-1"),
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, f"https://{BUCKET}.s3-fips.us-east-1.", "us-east-1"),
        ({"AWS_ENDPOINT_URL": "http://minio:9000"}, f"http://minio:9000/{BUCKET}/", "us-east-1"),
        ({"AWS_ENDPOINT_URL_S3": "https://[::1]:9/a/b"}, f"https://[::1]:9/a/b/{BUCKET}/", "us-east-1"),
    ],
    ids=["AWS", "region", "China", "dual stack", "FIPS", "MinIO", "IPv6 with a path"],
)
def test_libcurl_asks_where_botocore_would(
    aws: pytest.MonkeyPatch, environment: dict[str, str], host: str, scope: str
) -> None:
    for name, value in environment.items():
        aws.setenv(name, value)
    found = routes()
    keys = [key for key in KEYS if found.find(BUCKET, key, None)]
    assert len(keys) > len(KEYS) / 2
    for key in keys:
        request = found.find(BUCKET, key, None)
        assert request is not None
        assert request.url.startswith(host)
        assert (request.url, request.scope) == (asked_by_botocore(found, BUCKET, key), f"aws:amz:{scope}:s3")


@pytest.mark.usefixtures("aws")
def test_a_bucket_whose_name_is_no_host_name_stays_in_the_path() -> None:
    request = routes().find("my.photos", "a", None)
    assert request is not None
    assert request.url == "https://s3.amazonaws.com/my.photos/a"


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("key", ["x/../../not-allowed/a", "./a", "a/..", ".", ""])
def test_a_key_that_libcurl_would_change_is_left_to_boto3(key: str) -> None:
    assert routes().find(BUCKET, "a..b/.c", None) is not None
    assert routes().find(BUCKET, key, None) is None


@pytest.mark.parametrize(("service", "more"), [("s3express", ""), ("s3", "&X-Amz-S3session-Token=token")])
def test_a_bucket_that_is_signed_for_in_another_way_is_left_to_boto3(
    aws: pytest.MonkeyPatch, service: str, more: str
) -> None:
    signed = (
        "https://photos--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com/key?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        f"&X-Amz-Credential=KEY%2F20260101%2Fus-east-1%2F{service}%2Faws4_request&X-Amz-Date=20260101T000000Z"
        f"&X-Amz-Expires=300&X-Amz-SignedHeaders=host&X-Amz-Signature=s{more}"
    )
    found = routes()
    aws.setattr(found.client, "call", lambda _: signed)
    assert found.find("photos--use1-az4--x-s3", "a", None) is None


def test_botocore_is_asked_once_for_each_bucket(aws: pytest.MonkeyPatch) -> None:
    found = routes()
    ask = Mock(wraps=found.client.call)
    aws.setattr(found.client, "call", ask)
    for bucket in ("a-bucket", "b-bucket") * 3:
        request = found.find(bucket, "key", None)
        assert request is not None
        assert bucket in request.url
    assert ask.call_count == 2


@pytest.mark.usefixtures("aws")
def test_an_access_point_is_asked_by_its_own_name() -> None:
    found = routes()
    request = found.find(ARN, "a/b", None)
    assert request is not None
    assert request.url == asked_by_botocore(found, ARN, "a/b")
    assert "photos-111122223333.s3-accesspoint" in request.url


def test_without_credentials_libcurl_asks_for_nothing(aws: pytest.MonkeyPatch) -> None:
    aws.delenv("AWS_ACCESS_KEY_ID")
    aws.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(NoCredentialsError):
        routes().find(BUCKET, "a", None)


@pytest.mark.usefixtures("aws")
def test_a_request_does_not_show_its_secret() -> None:
    request = routes().find(BUCKET, "a", None)
    assert isinstance(request, Request)
    assert "secret" not in repr(request)
