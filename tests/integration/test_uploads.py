"""Uploads as docs/contract.md describes them: by presigned URL, in parts, and which ETag their result names."""

import hashlib
import uuid
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.support import contract, photos
from tests.support.rig import Rig, count_known
from tests.support.waiting import eventually
from worker.result import Result


def put_by_url(rig: Rig, photo: bytes) -> tuple[str, str]:
    """Put a photo as the page does, and once more; its image id and its ETag."""
    copied = contract.functions()
    s3 = boto3.client("s3", config=Config(signature_version="s3v4"))
    image_id, url = copied["presign_photo"](s3, bucket=rig.bucket)
    assert "X-Amz-SignedHeaders=host%3Bif-none-match" in url
    etag = copied["put_photo"](url, photo)
    again, another_url = copied["presign_photo"](s3, bucket=rig.bucket, image_id=image_id)
    assert again == image_id
    assert [copied["put_photo"](one, b"other bytes") for one in (url, another_url)] == [None, None]
    return image_id, etag


def put_in_parts(rig: Rig, photo: bytes, image_id: str = "") -> tuple[str, str]:
    """Put a photo by a multi-part upload; its image id and its ETag."""
    image_id = image_id or str(uuid.uuid4())
    target = {"Bucket": rig.bucket, "Key": f"uploads/{image_id}.jpg"}
    upload = {**target, "UploadId": rig.s3.create_multipart_upload(**target)["UploadId"]}
    part = {"PartNumber": 1, "ETag": rig.s3.upload_part(**upload, PartNumber=1, Body=photo)["ETag"]}
    answer = rig.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [part]})
    return image_id, answer["ETag"].strip('"')


def request(rig: Rig, image_id: str, **more: str) -> None:
    rig.send({"bucket": rig.bucket, "key": f"uploads/{image_id}.jpg", **more})


def check(result: Result, etag: str, photo: bytes) -> None:
    assert result.status == "scored"
    assert (result.source.etag, result.source.sha256) == (etag, hashlib.sha256(photo).hexdigest())


@pytest.mark.parametrize("put", [put_by_url, put_in_parts])
def test_a_result_names_the_etag_that_s3_answered(rig: Rig, put: Any) -> None:
    rig.announce_uploads()
    photo = photos.coffee()
    with rig.worker():
        image_id, etag = put(rig, photo)
        check(rig.result(image_id), etag, photo)
        rig.settles()
    is_md5 = etag == hashlib.md5(photo, usedforsecurity=False).hexdigest()
    assert is_md5 == (put is put_by_url)


def test_the_same_bytes_with_another_etag_are_scored_again_into_the_one_result(rig: Rig) -> None:
    photo = photos.coffee()
    with rig.worker() as telemetry:
        image_id = rig.client.submit(photo, ".jpg")
        assert rig.result(image_id).source.etag == hashlib.md5(photo, usedforsecurity=False).hexdigest()
        _, etag = put_in_parts(rig, photo, image_id)
        request(rig, image_id, etag=etag)
        eventually(lambda: rig.result(image_id).source.etag == etag)
        rig.settles()
        assert telemetry.counts["photos_scored"] == 2
    check(rig.result(image_id), etag, photo)
    assert len(rig.stored()) == 1


@pytest.mark.parametrize("more", [{}, {"etag": "of nothing"}], ids=["no ETag", "a wrong one"])
def test_a_request_with_no_etag_or_a_wrong_one_changes_no_result(rig: Rig, more: dict[str, str]) -> None:
    photo = photos.coffee()
    image_id, etag = put_by_url(rig, photo)
    with rig.worker() as telemetry:
        request(rig, image_id, **more)
        first = rig.result(image_id)
        check(first, etag, photo)
        request(rig, image_id, **more)  # scored once more, for nothing
        eventually(lambda: telemetry.counts.get("photos_already_scored") == 1, rig.counts)
        request(rig, image_id, etag=etag)  # as S3's notification has it
        eventually(lambda: count_known(telemetry) == 2, rig.counts)
        rig.settles()
        assert telemetry.counts["batched_photos"] == 2
    assert rig.result(image_id) == first
