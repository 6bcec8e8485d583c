"""The worker as a process: wrong settings, missing parts, stops, and its commands."""

import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from localstack.worker_process import WorkerProcess
from tests.support import bodies, photos
from tests.support.models import Halves, save_bundle
from tests.support.rig import Rig
from tests.support.waiting import eventually

# settings and parts


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"batch_size": "0"}, "WORKER_BATCH_SIZE must be 1 … 512; it is '0'"),
        ({"batchsize": "8"}, "WORKER_BATCHSIZE is no setting; did you mean WORKER_BATCH_SIZE?"),
        ({"receive_wait": "20", "drain_deadline": "10"}, "WORKER_DRAIN_DEADLINE (10 s) is too short"),
        ({"buckets": "no-such-bucket"}, "the bucket 'no-such-bucket' cannot be reached"),
        ({"redis_url": "redis://127.0.0.1:1/0"}, "Redis cannot be reached"),
        ({"model": "docs"}, "docs is not a model bundle"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_setting_is_reported_in_one_line_and_nothing_is_polled(
    rig: Rig, changed: dict[str, str], message: str
) -> None:
    rig.send("a message that must stay untouched")
    code, out, err = rig.run(**changed)
    assert code == 2
    lines = [line for line in err.splitlines() if line.startswith("worker: ")]
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in out + err
    (untouched,) = rig.sqs.receive_message(QueueUrl=rig.queue_url, AttributeNames=["All"])["Messages"]
    assert untouched["Attributes"]["ApproximateReceiveCount"] == "1"


def test_a_missing_queue_is_reported(rig: Rig) -> None:
    code, _, err = rig.run(queue_url=rig.queue_url + "-missing")
    assert (code, "-missing cannot be reached" in err) == (2, True)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}, "Unable to locate credentials"),
        ({"AWS_DEFAULT_REGION"}, "You must specify a region"),
    ],
    ids=["credentials", "region"],
)
def test_missing_aws_settings_are_reported(rig: Rig, missing: set[str], message: str) -> None:
    rig.environment = {name: value for name, value in rig.environment.items() if name not in missing}
    code, _, err = rig.run()
    assert (code, message in err, "Traceback" in err) == (2, True, False)


@pytest.mark.parametrize(
    ("password", "message"),
    [("s3cret", "Redis cannot be reached"), ("s3cret/word", "percent-encoded")],
    ids=["valid URL", "invalid URL"],
)
def test_a_password_in_the_redis_url_is_never_shown(rig: Rig, password: str, message: str) -> None:
    code, out, err = rig.run(redis_url=f"redis://worker:{password}@127.0.0.1:1/0")
    assert (code, "s3cret" in out + err, message in err) == (2, False, True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 32}, "as bundle.toml says"),
        ({"outputs": {"score": "no-such-output"}}, "has no output no-such-output"),
        ({"outputs": {"score_probs": "score"}}, "has shape (1, 1) for a batch of 1"),
    ],
    ids=["input", "missing output", "output of another shape"],
)
def test_a_model_that_does_not_match_its_bundle_is_reported(
    rig: Rig, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    bundle = save_bundle(Halves(), tmp_path / "misfit" / "1", name="misfit", **change)
    code, _, err = rig.run(model=str(bundle))
    assert (code, message in err, "Traceback" in err) == (2, True, False)


# stops


def start(rig: Rig) -> WorkerProcess:
    """Start a worker and wait until it polls."""
    process = rig.process()
    process.wait_for("polling")
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_finishes_what_was_received_and_exits_with_0(rig: Rig, number: signal.Signals) -> None:
    process = start(rig)
    ids = [str(uuid.uuid4()) for _ in range(12)]
    for image_id in ids:
        rig.put(image_id, photos.coffee())
        rig.send(bodies.notification(rig.bucket, f"uploads/{image_id}.jpg"))
    rig.result(ids[0])
    process.ask_to_stop(number)
    assert process.wait() == 0, process.tail()
    assert len(rig.stored()) + rig.left() == len(ids)
    last = process.events()[-1]
    assert (last["event"], last["counts"]["photos_scored"]) == ("stopped", len(rig.stored()))


def test_a_worker_that_does_not_poll_yet_stops_with_0(rig: Rig) -> None:
    process = rig.process(engine="tensorflow")  # which takes seconds
    process.wait_for("warming_up")  # the model is being loaded
    assert process.stop() == 0


def test_every_line_of_the_log_is_json_and_each_photo_has_one(rig: Rig) -> None:
    process = start(rig)
    image_id = str(uuid.uuid4())
    rig.put(image_id, photos.coffee())
    rig.send(bodies.notification(rig.bucket, f"uploads/{image_id}.jpg"))
    rig.result(image_id)
    rig.settles()
    process.stop()
    lines = [json.loads(line) for line in process.output().splitlines()]
    (line,) = [line for line in lines if line.get("image_id") == image_id]
    assert (line["event"], line["level"], line["receive_count"]) == ("scored", "info", 1)
    assert {"score", "timings_ms", "timestamp"} <= set(line)
    assert process.log.with_suffix(".out").read_text() == ""


# commands


def test_submit_asks_for_scores_itself_and_prints_the_results(rig: Rig) -> None:
    with rig.worker():
        code, out, err = rig.run("submit", "--json", str(photos.COFFEE))
        rig.settles()
    assert (code, err) == (0, "")
    assert json.loads(out)["status"] == "scored"


def test_submit_by_notification_sends_no_request(rig: Rig) -> None:
    code, _, _ = rig.run("submit", "--by-notification", "--timeout", "0.2", str(photos.COFFEE))
    assert (code, rig.left()) == (1, 0)
    rig.announce_uploads()
    with rig.worker() as telemetry:
        code, out, err = rig.run("submit", "--json", "--by-notification", str(photos.COFFEE))
        rig.settles()
        assert telemetry.counts["messages_received"] == 2  # S3's test event, and the upload
    assert (code, err) == (0, "")
    assert json.loads(out)["status"] == "scored"


def test_submit_waits_for_the_notification_if_its_request_cannot_be_sent(rig: Rig) -> None:
    rig.announce_uploads()
    with rig.worker():
        code, out, err = rig.run("submit", "--json", str(photos.COFFEE), queue_url=f"{rig.queue_url}-none")
    assert (code, json.loads(out)["status"]) == (0, "scored")
    (line,) = err.splitlines()
    assert json.loads(line)["event"] == "request_failed"


def test_submit_fails_if_no_result_comes_in_time(rig: Rig) -> None:
    code, _, err = rig.run("submit", "--timeout", "0.2", str(photos.COFFEE))
    assert (code, "no result" in err) == (1, True)


def test_submit_shows_a_folder_of_photos_in_a_table_and_fails_if_one_has_failed(
    rig: Rig, tmp_path: Path
) -> None:
    folder = tmp_path / "mein Teller"
    folder.mkdir()
    for name in ("b Öl\udce9 [bold].JPG", "a.jpeg"):  # a name that is not valid Unicode, too
        (folder / name).write_bytes(photos.coffee())
    (folder / "notes.txt").write_text("no photo")
    with rig.worker():
        code, out, err = rig.run("submit", str(folder))
        assert (code, err) == (0, "")
        assert out.index("a.jpeg") < out.index("b Öl\\udce9 [bold].JPG")
        assert out.count("★") == 8
        (folder / "c.png").write_bytes(b"no photo either")
        code, out, err = rig.run("submit", str(folder))
        assert (code, err) == (1, "")
        assert "unsupported_format" in out


@pytest.mark.parametrize("timeout", ["-1", "nan", "inf", "soon"])
def test_submit_refuses_a_time_that_is_none(timeout: str, rig: Rig) -> None:
    code, _, err = rig.run("submit", f"--timeout={timeout}", str(photos.COFFEE))
    assert (code, "--timeout" in err) == (2, True)


def test_submit_says_which_folder_has_no_photos(rig: Rig, tmp_path: Path) -> None:
    code, _, err = rig.run("submit", str(tmp_path))
    assert (code, err.startswith(f"worker submit: {tmp_path} has no photos")) == (1, True)


def test_submit_fails_if_the_photo_does_not_exist(rig: Rig) -> None:
    code, _, err = rig.run("submit", "no-such-photo.jpg")
    assert (code, "no-such-photo.jpg" in err, "Traceback" in err) == (1, True, False)


def test_a_client_finds_a_result_written_before_it_waits(rig: Rig) -> None:
    rig.announce_uploads()
    with rig.worker():
        image_id = rig.client.upload(photos.coffee(), ".jpg")
        eventually(lambda: f"result:{image_id}" in rig.stored())
        assert rig.result(image_id).image_id == image_id


@pytest.mark.parametrize("arguments", [["--help"], ["schema"]])
def test_help_and_schema_need_no_settings(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "worker", *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    assert "WORKER_QUEUE_URL" in done.stdout or json.loads(done.stdout)["title"] == "Result"


def test_a_closed_pipe_ends_a_command_without_a_complaint(rig: Rig) -> None:
    for _ in range(3):
        rig.sqs.send_message(QueueUrl=rig.dead_url, MessageBody="no event")
    read, write = os.pipe()
    os.close(read)
    log = rig.folder / "reader.log"
    process = WorkerProcess(log, "dead-letters", "--json", environment=rig.settings(), stdout=write)
    os.close(write)
    code, err = process.wait(), process.output()
    assert (code, "Traceback" in err, "Exception ignored" in err) == (141, False, False)
