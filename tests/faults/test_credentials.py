"""Credentials expire, or are rotated in their file.

Expected: the worker makes new clients with the new credentials; no restart, no photo lost. Guards
against: a worker that repeats calls with an expired token forever.
"""

from pathlib import Path

from localstack.faults import gateway
from tests.support.faults.fault_rig import FaultRig


def write(path: Path, key: str) -> None:
    """Write an access key into a shared credentials file, atomically."""
    new = path.with_suffix(".new")
    new.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = test\n")
    new.replace(path)


def test_rotated_credentials_are_taken_up_without_a_restart(
    rig: FaultRig, photo: bytes, tmp_path: Path
) -> None:
    credentials = tmp_path / "credentials"
    write(credentials, "OLD")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del rig.environment[name]
    rig.environment["AWS_SHARED_CREDENTIALS_FILE"] = str(credentials)
    worker = rig.start_worker(receive_wait="0")
    rig.upload(3, photo)
    rig.wait_for_results(3)
    for service in ("s3", "sqs"):
        rig.gateway.break_(service, gateway.credentials_refused("OLD"))
    rig.upload(3, photo)
    worker.wait_for("receive_failed")
    write(credentials, "NEW")
    rig.account()
    assert worker.stop() == 0
