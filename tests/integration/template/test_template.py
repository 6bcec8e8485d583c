"""The CloudFormation template, created in a moto server and read back by the services' APIs."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.template.read_back import READ, find_lost, read_back
from tests.support import ROOT
from tests.support.template.by_call import CREATE_BY_CALL, Clients
from tests.support.template.emulated import Stack, moto
from tests.support.template.rendered import GPU, GUEST, MAX_BYTES, TEMPLATE, load
from worker import settings
from worker.cli import main
from worker.intake.events import Announced, Ignored, read
from worker.messages import S3Object

# What moto 5.2.5 cannot do. The lists are exact: a test fails when moto learns something.
UNSUPPORTED = {"AWS::ElastiCache::ParameterGroup", "AWS::ElastiCache::UserGroup"}
LOST = {
    "AWS::EC2::SecurityGroup": {"cidrip", "description", "fromport", "toport"},  # the egress rules
    "AWS::EC2::SecurityGroupIngress": {"description"},
    "AWS::ECS::Service": {
        "availabilityzonerebalancing",
        "capacityprovider",
        "enable",
        "enableecsmanagedtags",
        "maximumpercent",
        "minimumhealthypercent",
        "rollback",
        "weight",
    },
    "AWS::ElastiCache::ReplicationGroup": {
        "automaticfailoverenabled",
        "cacheparametergroupname",
        "cachesubnetgroupname",
        "engineversion",
        "multiazenabled",
        "numcacheclusters",
        "securitygroupids",
    },
    "AWS::ElastiCache::User": {"passwords"},  # as it should
    "AWS::IAM::Role": {"resource"},  # the last :* of the log group's ARN, and later resources
    "AWS::KMS::Key": {"description"},
    "AWS::Logs::LogGroup": {"kmskeyid"},
    "AWS::Logs::ResourcePolicy": {"resource"},  # the last :* again
    "AWS::S3::Bucket": {"bucketkeyenabled"},
    "AWS::SQS::Queue": {"redrivepermission", "sourcequeuearns"},
}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    with moto(tmp_path_factory.mktemp("moto")) as clients:
        yield clients


@pytest.fixture(scope="module")
def fargate(aws: Clients) -> Stack:
    """Only required parameters."""
    return Stack(aws, "fargate", TEMPLATE)


@pytest.fixture(scope="module")
def gpu(aws: Clients) -> Stack:
    """GPU instances, a key of its own, and all optional resources."""
    vpc = aws("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    api = aws("ec2").create_security_group(GroupName="api", Description="the API", VpcId=vpc)["GroupId"]
    return Stack(aws, "gpu", TEMPLATE, **GPU, ApiSecurityGroupId=api)


@pytest.fixture(scope="module")
def guest(aws: Clients) -> Stack:
    """Bucket, cluster, Redis and topic exist already."""
    aws("ecs").create_cluster(clusterName=GUEST["ClusterName"])
    return Stack(aws, "guest", TEMPLATE, **GUEST)


@pytest.fixture(scope="module", params=["fargate", "gpu", "guest"])
def stack(request: pytest.FixtureRequest) -> Stack:
    created: Stack = request.getfixturevalue(request.param)
    return created


def test_the_template_is_small_enough_to_upload_directly() -> None:
    assert len(TEMPLATE.read_bytes()) <= MAX_BYTES


def test_each_resource_has_the_properties_of_the_template_except_those_moto_loses(
    fargate: Stack, gpu: Stack, guest: Stack
) -> None:
    missing = defaultdict[str, set[str]](set)
    for stack in (fargate, gpu, guest):
        for name, kind in stack.rendered.types.items():
            if kind in READ:
                properties = stack.rendered.properties(name)
                physical = stack.ids[name] or properties["GroupId"]
                missing[kind] |= find_lost(properties, read_back(stack.aws, kind, physical))
    assert {kind: names for kind, names in missing.items() if names} == LOST


def test_every_type_is_created_except_those_moto_does_not_support(
    fargate: Stack, gpu: Stack, guest: Stack
) -> None:
    created = [
        (name in stack.by_cloudformation, kind)
        for stack in (fargate, gpu, guest)
        for name, kind in stack.rendered.types.items()
    ]
    every = {resource["Type"] for resource in load()["Resources"].values()}
    assert {kind for _, kind in created} == every, "a condition is false in all of these stacks"
    assert {kind for by_cloudformation, kind in created if not by_cloudformation} == set(
        CREATE_BY_CALL
    ) | UNSUPPORTED
    assert every - set(READ) == UNSUPPORTED


def test_an_upload_is_announced_on_the_queue(fargate: Stack) -> None:
    key = "uploads/3f0a1c52-4b1e-4a57-9d6e-5f2b7c8d9e0f.jpg"
    outputs, sqs = fargate.outputs(), fargate.aws("sqs")
    s3, bucket = fargate.aws("s3"), outputs["BucketName"]
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=bucket)  # moto ignores conditions, and would deny everything
    s3.put_object(Bucket=bucket, Key=key, Body=b"a photo")
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    received: list[Any] = []
    for _ in range(2):  # the first message is S3's test event
        answer = sqs.receive_message(QueueUrl=outputs["QueueUrl"], MaxNumberOfMessages=10, WaitTimeSeconds=1)
        received += [record for message in answer.get("Messages", []) for record in read(message["Body"])]
    assert Ignored("s3:TestEvent") in received
    (announced,) = [record for record in received if isinstance(record, Announced)]
    assert (announced.object.bucket, announced.object.key) == (bucket, key)
    assert isinstance(announced.object, S3Object)


def test_only_the_bucket_may_send_to_the_queue(stack: Stack) -> None:
    answer = stack.aws("sqs").get_queue_attributes(QueueUrl=stack.ids["Queue"], AttributeNames=["All"])
    allowed, denied = json.loads(answer["Attributes"]["Policy"])["Statement"]
    assert allowed["Principal"] == {"Service": "s3.amazonaws.com"}
    assert allowed["Condition"] == {
        "ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{stack.parameters['BucketName']}"},
        "StringEquals": {"aws:SourceAccount": "123456789012"},
    }
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_dead_letters_are_kept_for_two_weeks_after_five_receives(stack: Stack) -> None:
    sqs = stack.aws("sqs")
    queue = sqs.get_queue_attributes(QueueUrl=stack.ids["Queue"], AttributeNames=["All"])["Attributes"]
    dead = sqs.get_queue_attributes(QueueUrl=stack.ids["DeadLetters"], AttributeNames=["All"])["Attributes"]
    policy = {"deadLetterTargetArn": dead["QueueArn"], "maxReceiveCount": 5}
    assert json.loads(queue["RedrivePolicy"]) == policy
    assert dead["MessageRetentionPeriod"] == str(14 * 24 * 3600)
    allowed = stack.rendered.properties("DeadLetters")["RedriveAllowPolicy"]
    assert allowed == {"redrivePermission": "byQueue", "sourceQueueArns": [queue["QueueArn"]]}


def test_the_containers_environment_is_valid_settings(stack: Stack) -> None:
    environment = {entry["name"]: entry["value"] for entry in stack.container()["environment"]}
    has_cache = "CacheUrl" in stack.ids
    redis = stack.rendered.properties("CacheUrl")["SecretString"] if has_cache else "rediss://theirs:6380"
    loaded = settings.load(environment | {"WORKER_REDIS_URL": redis})
    assert loaded.queue_url == stack.outputs()["QueueUrl"]
    assert loaded.buckets == (stack.parameters["BucketName"],)


def test_the_drain_ends_before_the_task_is_killed(stack: Stack) -> None:
    stops = load()["Parameters"]["StopTimeout"]["AllowedValues"]
    drains = {stop: int(drain["Seconds"]) for stop, drain in load()["Mappings"]["DrainDeadline"].items()}
    assert drains == {stop: int(stop) - 5 for stop in stops}
    worker = stack.container()
    assert {"name": "WORKER_DRAIN_DEADLINE", "value": str(worker["stopTimeout"] - 5)} in worker["environment"]


def test_the_redis_url_is_a_secret_and_not_in_the_environment(stack: Stack) -> None:
    secret = stack.ids.get("CacheUrl") or stack.parameters["RedisUrlSecretArn"]
    assert stack.container()["secrets"] == [{"name": "WORKER_REDIS_URL", "valueFrom": secret}]


def test_a_task_can_write_only_to_tmp(stack: Stack) -> None:
    worker = stack.container()
    assert worker["readonlyRootFilesystem"]
    assert (worker["user"], worker["linuxParameters"]["capabilities"]) == ("10001", {"drop": ["ALL"]})
    assert [mount["containerPath"] for mount in worker["mountPoints"]] == ["/tmp"]  # noqa: S108 - the container's
    assert Path(settings.load(MINIMAL).state_file).parent == Path("/tmp")  # noqa: S108


MINIMAL = {"WORKER_QUEUE_URL": "https://sqs/1/q", "WORKER_BUCKETS": "b", "WORKER_REDIS_URL": "redis://r"}


def test_the_health_check_runs_a_command_of_the_worker(
    stack: Stack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WORKER_STATE_FILE", str(tmp_path / "none"))
    kind, *command = stack.container()["healthCheck"]["command"]
    assert (kind, command[:3]) == ("CMD", ["python", "-m", "worker"])
    assert main(command[3:]) == 1
    assert "gone" in capsys.readouterr().out


def test_only_gpu_tasks_request_a_gpu_and_run_on_instances(fargate: Stack, gpu: Stack) -> None:
    assert gpu.container()["resourceRequirements"] == [{"type": "GPU", "value": "1"}]
    assert "resourceRequirements" not in fargate.container()
    service = gpu.rendered.properties("Service")
    assert service["CapacityProviderStrategy"] == [
        {"CapacityProvider": gpu.ids["CapacityProvider"], "Weight": 1}
    ]
    assert fargate.rendered.properties("Service")["LaunchType"] == "FARGATE"
    assert not {name for name, kind in fargate.rendered.types.items() if "AutoScalingGroup" in kind}


def test_an_unhealthy_deployment_is_rolled_back(stack: Stack) -> None:
    deployment = stack.rendered.properties("Service")["DeploymentConfiguration"]
    assert deployment == {
        "MinimumHealthyPercent": 100,
        "MaximumPercent": 200,
        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
    }


def test_the_cache_user_has_the_rights_listed_in_security_md(fargate: Stack) -> None:
    (listed,) = re.findall(r"ACL SETUSER scorer (.*?)```", (ROOT / "SECURITY.md").read_text(), re.DOTALL)
    words = {word for word in listed.split() if word not in {">…", "resetkeys"}}
    (user,) = fargate.aws("elasticache").describe_users(UserId="fargate")["Users"]
    assert set(user["AccessString"].split()) == words
