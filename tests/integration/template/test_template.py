"""The CloudFormation template, created in a moto server and read back through the services' own APIs."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.template.by_call import BY_CALL, Clients
from tests.integration.template.emulated import Stack, moto
from tests.integration.template.read_back import ASK, answers, lost
from tests.integration.template.rendered import GPU, GUEST, TEMPLATE, load
from tests.support import ROOT
from worker import settings
from worker.cli import main
from worker.intake.events import Announced, Ignored, read
from worker.messages import S3Object

LARGEST = 51_200  # bytes of a template that CloudFormation takes without a bucket
# What moto 5.2.5 cannot do. Each list is exact: when moto learns something a test fails, and the list gets shorter.
NOT_AT_ALL = {"AWS::ElastiCache::ParameterGroup", "AWS::ElastiCache::UserGroup"}
LOST = {
    "AWS::EC2::SecurityGroup": {"cidrip", "description", "fromport", "toport"},  # the rules out
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
    "AWS::ElastiCache::User": {"passwords"},  # rightly
    "AWS::IAM::Role": {"resource"},  # of the log group's ARN the last :*, and what is made after the role
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
    """As little as can be given."""
    return Stack(aws, "fargate")


@pytest.fixture(scope="module")
def gpu(aws: Clients) -> Stack:
    """GPU instances, an own key, and everything that is made on request."""
    vpc = aws("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    api = aws("ec2").create_security_group(GroupName="api", Description="the API", VpcId=vpc)["GroupId"]
    return Stack(aws, "gpu", **GPU, ApiSecurityGroupId=api)


@pytest.fixture(scope="module")
def guest(aws: Clients) -> Stack:
    """Bucket, cluster, Redis and topic are there already."""
    aws("ecs").create_cluster(clusterName=GUEST["ClusterName"])
    return Stack(aws, "guest", **GUEST)


@pytest.fixture(scope="module", params=["fargate", "gpu", "guest"])
def stack(request: pytest.FixtureRequest) -> Stack:
    made: Stack = request.getfixturevalue(request.param)
    return made


def container(stack: Stack) -> dict[str, Any]:
    """The worker's container as ECS has it."""
    arn = stack.ids["TaskDefinition"]
    (only,) = stack.aws("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"][
        "containerDefinitions"
    ]
    return dict(only)


def test_cloudformation_takes_the_template_without_a_bucket() -> None:
    assert len(TEMPLATE.read_bytes()) <= LARGEST


def test_each_resource_has_what_the_template_says_but_for_what_moto_loses(
    fargate: Stack, gpu: Stack, guest: Stack
) -> None:
    missing = defaultdict[str, set[str]](set)
    for stack in (fargate, gpu, guest):
        for name, kind in stack.rendered.types.items():
            if kind in ASK:
                properties = stack.rendered.properties(name)
                physical = stack.ids[name] or properties["GroupId"]
                missing[kind] |= lost(properties, answers(stack.aws, kind, physical))
    assert {kind: names for kind, names in missing.items() if names} == LOST


def test_each_type_is_made_by_one_way_or_the_other_but_for_those_that_moto_has_not(
    fargate: Stack, gpu: Stack, guest: Stack
) -> None:
    made = [
        (name in stack.by_cloudformation, kind)
        for stack in (fargate, gpu, guest)
        for name, kind in stack.rendered.types.items()
    ]
    every = {resource["Type"] for resource in load()["Resources"].values()}
    assert {kind for _, kind in made} == every, "some condition is never true in these stacks"
    assert {kind for by_cloudformation, kind in made if not by_cloudformation} == set(BY_CALL) | NOT_AT_ALL
    assert every - set(ASK) == NOT_AT_ALL


def test_a_photo_put_into_the_bucket_is_announced_on_the_queue(fargate: Stack) -> None:
    key = "uploads/3f0a1c52-4b1e-4a57-9d6e-5f2b7c8d9e0f.jpg"
    outputs, sqs = fargate.outputs(), fargate.aws("sqs")
    s3, bucket = fargate.aws("s3"), outputs["BucketName"]
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=bucket)  # moto reads no conditions: to it, nobody may do anything
    s3.put_object(Bucket=bucket, Key=key, Body=b"a photo")
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    received: list[Any] = []
    for _ in range(2):  # first what S3 sends when a notification is configured
        answer = sqs.receive_message(QueueUrl=outputs["QueueUrl"], MaxNumberOfMessages=10, WaitTimeSeconds=1)
        received += [record for message in answer.get("Messages", []) for record in read(message["Body"])]
    assert Ignored("s3:TestEvent") in received
    (announced,) = [record for record in received if isinstance(record, Announced)]
    assert (announced.object.bucket, announced.object.key) == (bucket, key)
    assert isinstance(announced.object, S3Object)


def test_only_this_bucket_of_this_account_may_send_to_the_queue(stack: Stack) -> None:
    queue = stack.aws("sqs").get_queue_attributes(QueueUrl=stack.ids["Queue"], AttributeNames=["All"])[
        "Attributes"
    ]
    allowed, denied = json.loads(queue["Policy"])["Statement"]
    assert allowed["Principal"] == {"Service": "s3.amazonaws.com"}
    assert allowed["Condition"] == {
        "ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{stack.parameters['BucketName']}"},
        "StringEquals": {"aws:SourceAccount": "123456789012"},
    }
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_what_was_received_five_times_is_kept_for_two_weeks_among_the_dead_letters(stack: Stack) -> None:
    sqs = stack.aws("sqs")
    queue = sqs.get_queue_attributes(QueueUrl=stack.ids["Queue"], AttributeNames=["All"])["Attributes"]
    dead = sqs.get_queue_attributes(QueueUrl=stack.ids["DeadLetters"], AttributeNames=["All"])["Attributes"]
    assert json.loads(queue["RedrivePolicy"]) == {
        "deadLetterTargetArn": dead["QueueArn"],
        "maxReceiveCount": 5,
    }
    assert dead["MessageRetentionPeriod"] == str(14 * 24 * 3600)
    allowed = stack.rendered.properties("DeadLetters")["RedriveAllowPolicy"]
    assert allowed == {"redrivePermission": "byQueue", "sourceQueueArns": [queue["QueueArn"]]}


def test_the_worker_takes_the_environment_it_is_given(stack: Stack) -> None:
    given = {entry["name"]: entry["value"] for entry in container(stack)["environment"]}
    redis = (
        stack.rendered.properties("CacheUrl")["SecretString"]
        if "CacheUrl" in stack.ids
        else "rediss://theirs:6380"
    )
    read_now = settings.load(given | {"WORKER_REDIS_URL": redis})
    assert read_now.queue_url == stack.outputs()["QueueUrl"]
    assert read_now.buckets == (stack.parameters["BucketName"],)


def test_a_task_is_killed_only_after_its_drain_has_ended(stack: Stack) -> None:
    stops = load()["Parameters"]["StopTimeout"]["AllowedValues"]
    drains = {stop: int(its["Seconds"]) for stop, its in load()["Mappings"]["DrainDeadline"].items()}
    assert drains == {stop: int(stop) - 5 for stop in stops}
    its = container(stack)
    assert {"name": "WORKER_DRAIN_DEADLINE", "value": str(its["stopTimeout"] - 5)} in its["environment"]


def test_the_redis_url_is_a_secret_and_no_part_of_the_environment(stack: Stack) -> None:
    secret = stack.ids.get("CacheUrl") or stack.parameters["RedisUrlSecretArn"]
    assert container(stack)["secrets"] == [{"name": "WORKER_REDIS_URL", "valueFrom": secret}]


def test_a_task_can_write_into_one_folder_only(stack: Stack) -> None:
    its = container(stack)
    assert its["readonlyRootFilesystem"]
    assert (its["user"], its["linuxParameters"]["capabilities"]) == ("10001", {"drop": ["ALL"]})
    assert [mount["containerPath"] for mount in its["mountPoints"]] == ["/tmp"]  # noqa: S108 - the container's
    assert Path(settings.load(MINIMAL).state_file).parent == Path("/tmp")  # noqa: S108


MINIMAL = {"WORKER_QUEUE_URL": "https://sqs/1/q", "WORKER_BUCKETS": "b", "WORKER_REDIS_URL": "redis://r"}


def test_the_health_check_is_a_command_of_the_worker(
    stack: Stack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WORKER_STATE_FILE", str(tmp_path / "none"))
    kind, *command = container(stack)["healthCheck"]["command"]
    assert (kind, command[:3]) == ("CMD", ["python", "-m", "worker"])
    assert main(command[3:]) == 1
    assert "gone" in capsys.readouterr().out


def test_only_gpu_tasks_ask_for_a_gpu_and_run_on_instances(fargate: Stack, gpu: Stack) -> None:
    assert container(gpu)["resourceRequirements"] == [{"type": "GPU", "value": "1"}]
    assert "resourceRequirements" not in container(fargate)
    service = gpu.rendered.properties("Service")
    assert service["CapacityProviderStrategy"] == [
        {"CapacityProvider": gpu.ids["CapacityProvider"], "Weight": 1}
    ]
    assert fargate.rendered.properties("Service")["LaunchType"] == "FARGATE"
    assert not {name for name, kind in fargate.rendered.types.items() if "AutoScalingGroup" in kind}


def test_a_deployment_that_does_not_get_healthy_is_rolled_back(stack: Stack) -> None:
    deployment = stack.rendered.properties("Service")["DeploymentConfiguration"]
    assert deployment == {
        "MinimumHealthyPercent": 100,
        "MaximumPercent": 200,
        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
    }


def test_the_user_of_the_cache_may_do_what_security_md_lists(fargate: Stack) -> None:
    (listed,) = re.findall(r"ACL SETUSER scorer (.*?)```", (ROOT / "SECURITY.md").read_text(), re.DOTALL)
    words = {word for word in listed.split() if word not in {">…", "resetkeys"}}
    (user,) = fargate.aws("elasticache").describe_users(UserId="fargate")["Users"]
    assert set(user["AccessString"].split()) == words
