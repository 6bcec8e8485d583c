"""Credentials expire, or are rotated in the file that has them.

Expected: clients are made anew and go on with the new credentials, with no restart and no photo lost. Guards against: a
worker that loops for ever with an expired token.
"""

from pathlib import Path

from tests.support.faults import gateway
from tests.support.faults.fault_rig import FaultRig


def write(path: Path, key: str) -> None:
    """Put an access key into a shared credentials file, whole or not at all."""
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
