"""The local services: what the init hook creates, and that nothing stays behind, however they end."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
import redis
from mirakuru.base import ENV_UUID
from mirakuru.base_env import processes_with_env

from localstack import services as module
from localstack.services import HOOK, PYTHON, Services, ServicesError
from tests.support.waiting import PATIENCE, eventually

ACCOUNT = "000000000000"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def provisioned(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """The running services, with boto3 pointed at them."""
    for name, value in services.environment().items():
        monkeypatch.setenv(name, value)
    yield services
    drain(services)


def drain(services: Services) -> None:
    """Leave the queue empty, so that no test sees the photos of another."""
    boto3.client("sqs").purge_queue(QueueUrl=services.environment()["WORKER_QUEUE_URL"])


def queue_attributes(services: Services, suffix: str = "") -> Mapping[Any, str]:
    """All attributes of the provisioned queue, or of its dead-letter queue."""
    url = services.environment()["WORKER_QUEUE_URL"] + suffix
    return boto3.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def notifications() -> list[Any]:
    """Whom the provisioned bucket tells about what."""
    answer = boto3.client("s3").get_bucket_notification_configuration(Bucket="photos")
    return [{k: v for k, v in entry.items() if k != "Id"} for entry in answer["QueueConfigurations"]]


def answers(port: int) -> bool:
    """Whether something accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def processes_of(pid: int) -> set[int]:
    """Every living process that this one's main thread or a service of its has started.

    Valkey writes its title over its environment, where mirakuru's mark is: it is found as a child. What a service
    itself starts is found by the mark, also when its parent is gone.
    """
    children = Path(f"/proc/{pid}/task/{pid}/children")
    direct = {int(child) for child in children.read_text().split()} if children.exists() else set()
    return direct | processes_with_env(ENV_UUID, f"{pid}:") - {pid}


# what the init hook makes


def test_a_message_hides_for_a_minute_and_the_receive_is_a_long_poll(provisioned: Services) -> None:
    attributes = queue_attributes(provisioned)
    assert (attributes["VisibilityTimeout"], attributes["ReceiveMessageWaitTimeSeconds"]) == ("60", "20")


def test_a_message_received_five_times_goes_to_dead_letters_kept_for_two_weeks(provisioned: Services) -> None:
    dead = queue_attributes(provisioned, "-dead")
    assert dead["MessageRetentionPeriod"] == str(14 * 24 * 3600)
    redrive = json.loads(queue_attributes(provisioned)["RedrivePolicy"])
    assert (redrive["deadLetterTargetArn"], int(redrive["maxReceiveCount"])) == (dead["QueueArn"], 5)


def test_only_s3_may_send_and_only_for_this_bucket_of_this_account(provisioned: Services) -> None:
    attributes = queue_attributes(provisioned)
    (statement,) = json.loads(attributes["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sqs:SendMessage")
    assert statement["Resource"] == attributes["QueueArn"]
    assert statement["Condition"] == {
        "ArnLike": {"aws:SourceArn": "arn:aws:s3:::photos"},
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
    }


def test_the_bucket_tells_the_queue_about_new_objects_and_nothing_else(provisioned: Services) -> None:
    arn = queue_attributes(provisioned)["QueueArn"]
    assert notifications() == [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]


def test_an_upload_arrives_as_a_message_that_names_it(provisioned: Services) -> None:
    sqs, url = boto3.client("sqs"), provisioned.environment()["WORKER_QUEUE_URL"]
    key = f"uploads/{uuid.uuid4()}.jpg"
    boto3.client("s3").put_object(Bucket="photos", Key=key, Body=b"a photo")
    seen: list[tuple[str, str]] = []

    def has_arrived() -> bool:
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []):
            records = [record["s3"] for record in json.loads(message["Body"]).get("Records", [])]
            seen.extend((record["bucket"]["name"], record["object"]["key"]) for record in records)
        return ("photos", key) in seen

    eventually(has_arrived, lambda: seen)


def test_the_hook_may_run_again_and_changes_nothing(provisioned: Services) -> None:
    kept = ("QueueArn", "VisibilityTimeout", "RedrivePolicy", "Policy")
    before = [queue_attributes(provisioned)[name] for name in kept], notifications()
    environment = {"PATH": os.environ["PATH"], "GATEWAY_PORT": str(provisioned.gateway_port)}
    subprocess.run([PYTHON, "-P", HOOK], env=environment, check=True, timeout=PATIENCE)
    assert ([queue_attributes(provisioned)[name] for name in kept], notifications()) == before


# how it ends


def test_after_a_stop_no_process_and_no_port_is_left(tmp_path: Path) -> None:
    others = processes_of(os.getpid())
    with Services(tmp_path) as running:
        assert len(processes_of(os.getpid()) - others) >= 2
        assert redis.Redis(port=running.redis_port).ping()
        assert answers(running.gateway_port)
    assert processes_of(os.getpid()) == others
    assert not answers(running.redis_port)
    assert not answers(running.gateway_port)


def test_a_taken_port_is_named_and_nothing_starts(tmp_path: Path) -> None:
    others = processes_of(os.getpid())
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(ServicesError, match=f"port {port} is taken"):
            Services(tmp_path, gateway_port=port).__enter__()
    assert processes_of(os.getpid()) == others


def test_a_missing_installation_is_said_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PYTHON", tmp_path / "bin" / "python")
    with pytest.raises(ServicesError, match="make install"):
        Services(tmp_path).__enter__()


def test_a_hook_that_fails_is_named_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others, hook = processes_of(os.getpid()), tmp_path / "broken.py"
    hook.write_text("raise RuntimeError('no bucket today')\n")
    monkeypatch.setattr(module, "HOOK", hook)
    with pytest.raises(ServicesError, match=r"broken\.py"):
        Services(tmp_path / "services").__enter__()
    assert processes_of(os.getpid()) == others


def test_an_interrupt_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = processes_of(os.getpid())
    halfway: list[int] = []

    def interrupt(_: object) -> bool:
        halfway.append(len(processes_of(os.getpid()) - others))
        raise KeyboardInterrupt

    monkeypatch.setattr(module.LocalStackExecutor, "after_start_check", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Services(tmp_path).__enter__()
    assert halfway[0] >= 2
    assert processes_of(os.getpid()) == others


@pytest.mark.skipif(
    not shutil.which("setpriv"), reason="only Linux's setpriv ties the services to their starter"
)
@pytest.mark.parametrize("first", ["pass", "s.freeze_redis()"])
def test_when_the_starter_is_killed_the_services_end_too(tmp_path: Path, first: str) -> None:
    code = (
        "import sys, pathlib; from localstack.services import Services\n"
        "with Services(pathlib.Path(sys.argv[1])) as s:\n"
        f"    {first}; print(s.gateway_port, s.redis_port, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as starter:
        assert starter.stdout
        ports = [int(port) for port in starter.stdout.readline().split()]
        assert len(ports) == 2
        assert all(answers(port) for port in ports)
        starter.send_signal(signal.SIGKILL)
        starter.wait(PATIENCE)
    eventually(lambda: not any(answers(port) for port in ports), lambda: f"one of {ports} still answers")
    eventually(lambda: not processes_of(starter.pid), lambda: processes_of(starter.pid))


def test_the_persons_own_aws_and_python_settings_do_not_reach_localstack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("AWS_DEFAULT_REGION", "eu-west-1"),
        ("AWS_PROFILE", "nonesuch"),
        ("PYTHONPATH", ROOT),
    ):
        monkeypatch.setenv(name, str(value))
    with Services(tmp_path) as running:
        monkeypatch.delenv("AWS_PROFILE")
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        assert queue_attributes(running)["QueueArn"] == f"arn:aws:sqs:us-east-1:{ACCOUNT}:photo-uploads"


def test_a_service_that_ends_at_once_is_said_with_its_log_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = processes_of(os.getpid())
    monkeypatch.setattr(module, "PYTHON", Path(shutil.which("false") or "/bin/false"))
    with pytest.raises(ServicesError, match=r"localstack did not start; .*localstack\.log"):
        Services(tmp_path).__enter__()
    assert processes_of(os.getpid()) == others


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSTOP], ids=["died", "hangs"])
def test_a_service_that_died_or_hangs_does_not_hold_up_the_stop(tmp_path: Path, sent: signal.Signals) -> None:
    others = processes_of(os.getpid())
    with Services(tmp_path):
        for pid in processes_of(os.getpid()) - others:
            os.kill(pid, sent)
        began = time.monotonic()
    assert time.monotonic() - began < module.START / 6  # START is mirakuru's own patience
    assert processes_of(os.getpid()) == others


PASSES_BY = """
import os, subprocess, sys
from localstack import services
mark = {**os.environ, "mirakuru_uuid": f"1{os.getpid()}:somebody-else"}
print(subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], env=mark, stdout=2).pid)
"""


def test_whoever_ends_leaves_the_services_of_others_alone() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w"), os.fdopen(reading):
        done = subprocess.run(
            [sys.executable, "-c", PASSES_BY],
            cwd=ROOT,
            stdin=reading,
            stdout=subprocess.PIPE,
            check=True,
            timeout=60,
        )
        assert psutil.Process(int(done.stdout)).status() != psutil.STATUS_ZOMBIE
