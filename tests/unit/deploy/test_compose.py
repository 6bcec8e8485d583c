"""compose.yaml agrees with what it starts: the image, the settings, the commands, the hook."""

import argparse
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml

from localstack.services import Services
from worker import settings
from worker.commands import submit

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = cfn_yaml.load(str(ROOT / "compose.yaml"))
SERVICES: dict[str, Any] = COMPOSE["services"]


def test_the_worker_and_its_client_find_the_same_services_as_those_of_make_run(tmp_path: Path) -> None:
    local = Services(tmp_path, gateway_port=4566, redis_port=6379).environment()
    del local["AWS_CONFIG_FILE"]  # a container has none
    hosts = {"AWS_ENDPOINT_URL": "localstack", "WORKER_QUEUE_URL": "localstack", "WORKER_REDIS_URL": "valkey"}
    expected = {name: value.replace("127.0.0.1", hosts.get(name, "")) for name, value in local.items()}
    for name in ("worker", "samples"):
        environment = SERVICES[name]["environment"]
        assert environment.items() >= expected.items()
        assert settings.load(environment).buckets == ("photos",)


def test_the_samples_are_sent_by_a_command_that_there_is() -> None:
    command, *arguments = SERVICES["samples"]["command"]
    assert command == "submit"
    parser = argparse.ArgumentParser()
    submit.add_arguments(parser)
    assert parser.parse_args(arguments).photos == [Path("/photos")]


@pytest.mark.parametrize("service", SERVICES)
def test_what_it_mounts_and_builds_is_there(service: str) -> None:
    its = SERVICES[service]
    for volume in its.get("volumes", []):
        assert (ROOT / volume.partition(":")[0]).is_dir()
    if "build" in its:
        assert f" AS {its['build']['target']}\n" in (ROOT / "Dockerfile").read_text()
    else:
        assert its["image"].partition(":")[2]


@pytest.mark.parametrize(
    ("answer", "is_ready"),
    [
        ('{"completed": false, "scripts": []}', False),
        ('{"completed": true, "scripts": [{"stage": "READY", "state": "SUCCESSFUL"}]}', True),
        ('{"completed": true, "scripts": [{"stage": "READY", "state": "ERROR"}]}', False),
        ("", False),
    ],
    ids=["not yet", "ready", "failed", "no answer"],
)
def test_localstack_counts_as_ready_only_if_its_hook_succeeded(answer: str, is_ready: bool) -> None:
    kind, check = SERVICES["localstack"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    script = f"curl() {{ printf '%s\\n' '{answer}'; }}; {check}"
    assert (subprocess.run(["sh", "-c", script], check=False).returncode == 0) is is_ready
