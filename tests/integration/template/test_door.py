"""The door's template, created in a moto server and read back by the services' APIs."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from localstack.worker_process import WorkerProcess
from tests.integration.template.read_back import READ, find_lost, read_back
from tests.support import photos
from tests.support.doors import door_client
from tests.support.template.by_call import CREATE_BY_CALL, Clients
from tests.support.template.emulated import Stack, moto
from tests.support.template.rendered import ALONE, BOTH, DOOR, DOOR_GUEST, MAX_BYTES, Rendered, load
from worker import settings

# What moto 5.2.5 cannot do. The list is exact: a test fails when moto learns something.
LOST = {
    "AWS::EC2::SecurityGroup": {"cidrip", "description", "fromport", "toport"},  # the egress rules
    "AWS::EC2::SecurityGroupIngress": {"description"},
    "AWS::ECS::Cluster": {"capacityproviders"},
    "AWS::ECS::Service": {
        "availabilityzonerebalancing",
        "capacityprovider",
        "enable",
        "enableecsmanagedtags",
        "healthcheckgraceperiodseconds",
        "maximumpercent",
        "minimumhealthypercent",
        "rollback",
        "weight",
    },
    "AWS::IAM::Role": {"resource"},  # the last :* of the log group's ARN
    "AWS::Logs::ResourcePolicy": {"resource"},  # the last :* again
}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    with moto(tmp_path_factory.mktemp("moto")) as clients:
        yield clients


@pytest.fixture(scope="module")
def alone(aws: Clients) -> Stack:
    """Only required parameters: no queue, no bucket, no Redis."""
    return Stack(aws, "alone", DOOR, **ALONE)


@pytest.fixture(scope="module")
def both(aws: Clients) -> Stack:
    """Both ways in, photos are stored too, HTTPS and tokens, on Spot."""
    certificate = aws("acm").request_certificate(DomainName="photos.example.com")["CertificateArn"]
    own = {"CertificateArn": certificate, "RedisSecurityGroupId": _group(aws, "workers")}
    return Stack(aws, "both", DOOR, **BOTH | own)


@pytest.fixture(scope="module")
def guest(aws: Clients) -> Stack:
    """Cluster with GPU instances and topic exist already."""
    aws("ecs").create_cluster(clusterName=DOOR_GUEST["ClusterName"])
    return Stack(aws, "guest", DOOR, **DOOR_GUEST, ClientSecurityGroupId=_group(aws, "the-api"))


def _group(aws: Clients, name: str) -> str:
    vpc = aws("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    return str(aws("ec2").create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"])


@pytest.fixture(scope="module", params=["alone", "both", "guest"])
def stack(request: pytest.FixtureRequest) -> Stack:
    created: Stack = request.getfixturevalue(request.param)
    return created


def worker_settings(stack: Stack) -> settings.Settings:
    """The settings of the stack's container. Raises ConfigurationError if they contradict each other."""
    container = stack.container()
    environment = {entry["name"]: entry["value"] for entry in container["environment"]}
    secrets = {"WORKER_REDIS_URL": "rediss://theirs:6379", "WORKER_DOOR_TOKENS": "one,another"}
    return settings.load(
        environment | {secret["name"]: secrets[secret["name"]] for secret in container["secrets"]}
    )


def attributes(stack: Stack, name: str) -> Mapping[str, Any]:
    """The attributes of the load balancer or its target group, as the service returns them."""
    elbv2, arn = stack.aws("elbv2"), stack.ids[name]
    if name == "TargetGroup":
        answer = elbv2.describe_target_group_attributes(TargetGroupArn=arn)
    else:
        answer = elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)
    return {one["Key"]: one["Value"] for one in answer["Attributes"]}


def test_the_template_is_small_enough_to_upload_directly() -> None:
    assert len(DOOR.read_bytes()) <= MAX_BYTES


def test_each_resource_has_the_properties_of_the_template_except_those_moto_loses(
    alone: Stack, both: Stack, guest: Stack
) -> None:
    missing = defaultdict[str, set[str]](set)
    for stack in (alone, both, guest):
        for name, kind in stack.rendered.types.items():
            properties = stack.rendered.properties(name)
            physical = stack.ids[name] or properties["GroupId"]
            missing[kind] |= find_lost(properties, read_back(stack.aws, kind, physical))
    assert {kind: names for kind, names in missing.items() if names} == LOST


def test_every_type_is_created(alone: Stack, both: Stack, guest: Stack) -> None:
    names = {name for stack in (alone, both, guest) for name in stack.rendered.types}
    assert names == set(load(DOOR)["Resources"]), "a condition is false in all of these stacks"
    for stack in (alone, both, guest):
        by_call = {kind for name, kind in stack.rendered.types.items() if name not in stack.by_cloudformation}
        assert by_call <= set(CREATE_BY_CALL)
        assert set(stack.rendered.types.values()) <= set(READ)


# settings


def test_alone_it_has_neither_queue_nor_bucket_nor_redis(alone: Stack) -> None:
    loaded = worker_settings(alone)
    assert (loaded.queue_url, loaded.buckets, loaded.door_bucket) == ("", (), "")
    assert not loaded.redis_url.get_secret_value()
    assert alone.container()["secrets"] == []


def test_both_ways_take_from_the_queue_and_store_where_its_photos_are(both: Stack) -> None:
    loaded = worker_settings(both)
    assert loaded.queue_url == "https://sqs.us-east-1.amazonaws.com/123456789012/photo-score"
    assert (loaded.buckets, loaded.door_bucket, loaded.door_prefix) == (
        ("our-photos",),
        "our-photos",
        "uploads/",
    )
    assert [token.get_secret_value() for token in loaded.door_tokens] == ["one", "another"]


def test_the_secrets_are_not_in_the_environment(both: Stack) -> None:
    assert {secret["name"]: secret["valueFrom"] for secret in both.container()["secrets"]} == {
        "WORKER_REDIS_URL": BOTH["RedisUrlSecretArn"],
        "WORKER_DOOR_TOKENS": BOTH["TokensSecretArn"],
    }


def test_a_task_does_not_ask_for_protection_for_ecs_drains_it(stack: Stack) -> None:
    assert worker_settings(stack).protection == "off"


def test_a_worker_with_this_environment_answers_a_photo_and_stops_in_order(
    alone: Stack, reference_model: Path, tmp_path: Path
) -> None:
    environment = {entry["name"]: entry["value"] for entry in alone.container()["environment"]}
    quick = {"WORKER_ENGINE": "tensorflow", "WORKER_BATCH_SIZE": "4", "WORKER_DOOR_LINGER": "1"}
    with door_client() as client:
        own = {"WORKER_DOOR_PORT": str(client.port), "WORKER_MODEL": str(reference_model)}
        own |= {"TF_USE_LEGACY_KERAS": "1", "PATH": "/usr/bin:/bin"}
        worker = WorkerProcess(tmp_path / "worker.log", environment=environment | quick | own)
        try:
            worker.wait_for("polling")
            assert client.is_ready()
            answer = client.post("/images", content=photos.coffee())
            assert (answer.status_code, answer.json()["source"]["bucket"]) == (200, None)
            worker.ask_to_stop()
            assert worker.wait(alone.container()["stopTimeout"]) == 0, worker.tail()
        finally:
            worker.stop()
        metrics = [line for line in worker.output().splitlines() if '"Namespace":"PhotoScore"' in line]
        assert metrics, "CloudWatch makes the alarms' metrics of these lines"
        assert json.loads(metrics[-1])["Service"] == alone.name


# time


@pytest.mark.parametrize("wait", load(DOOR)["Parameters"]["Wait"]["AllowedValues"])
def test_whatever_the_wait_a_stop_answers_all_that_was_accepted(alone: Stack, wait: str) -> None:
    rendered = Rendered(alone.parameters | {"Wait": wait}, DOOR)
    (container,) = rendered.properties("TaskDefinition")["ContainerDefinitions"]
    loaded = settings.load({entry["Name"]: str(entry["Value"]) for entry in container["Environment"]})
    assert loaded.door_wait == int(wait)
    group = rendered.properties("TargetGroup")
    delay = {one["Key"]: one["Value"] for one in group["TargetGroupAttributes"]}
    assert int(delay["deregistration_delay.timeout_seconds"]) >= loaded.door_body_timeout + loaded.door_wait
    unhealthy_after = group["HealthCheckIntervalSeconds"] * group["UnhealthyThresholdCount"]
    assert loaded.door_linger > unhealthy_after + group["HealthCheckTimeoutSeconds"], (
        "a Spot task gets photos until /readyz has failed often enough"
    )
    assert int(container["StopTimeout"]) == loaded.drain_deadline + 5
    assert int(container["StopTimeout"]) <= 120, "Fargate allows no more"


def test_a_connection_is_closed_by_the_load_balancer_first_and_never_during_a_wait(stack: Stack) -> None:
    idle = int(attributes(stack, "LoadBalancer")["idle_timeout.timeout_seconds"])
    longest = max(int(wait) for wait in load(DOOR)["Parameters"]["Wait"]["AllowedValues"])
    assert longest < idle < worker_settings(stack).door_keep_alive


def test_a_new_task_gets_photos_only_when_it_is_ready(stack: Stack) -> None:
    (group,) = stack.aws("elbv2").describe_target_groups(TargetGroupArns=[stack.ids["TargetGroup"]])[
        "TargetGroups"
    ]
    assert (group["HealthCheckPath"], group["Matcher"]["HttpCode"]) == ("/readyz", "200")
    start = stack.container()["healthCheck"]["startPeriod"]
    assert stack.rendered.properties("Service")["HealthCheckGracePeriodSeconds"] >= start


# the network


def test_every_part_means_the_same_port(stack: Stack) -> None:
    port = worker_settings(stack).door_port
    (mapped,) = stack.container()["portMappings"]
    (balanced,) = stack.rendered.properties("Service")["LoadBalancers"]
    assert {mapped["containerPort"], balanced["ContainerPort"]} == {port}
    assert stack.rendered.properties("TargetGroup")["Port"] == port
    for rule in ("BalancerToTasks", "TasksFromBalancer"):
        properties = stack.rendered.properties(rule)
        assert {properties["FromPort"], properties["ToPort"]} == {port}


def test_only_the_load_balancer_reaches_the_tasks(stack: Stack) -> None:
    group = stack.ids["TaskSecurityGroup"]
    (found,) = stack.aws("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
    (rule,) = found["IpPermissions"]
    assert [pair["GroupId"] for pair in rule["UserIdGroupPairs"]] == [stack.ids["BalancerSecurityGroup"]]
    assert rule["IpRanges"] == []


def test_https_is_the_only_way_in_if_there_is_a_certificate(alone: Stack, both: Stack) -> None:
    for stack, protocol, port in ((alone, "HTTP", 80), (both, "HTTPS", 443)):
        answer = stack.aws("elbv2").describe_listeners(LoadBalancerArn=stack.ids["LoadBalancer"])
        assert [(one["Protocol"], one["Port"]) for one in answer["Listeners"]] == [(protocol, port)]
        address = stack.rendered.properties("BalancerFromAddresses")
        assert (address["FromPort"], address["ToPort"]) == (port, port)
        assert stack.outputs()["Address"].startswith(f"{protocol.lower()}://")


def test_nobody_outside_reads_the_metrics(stack: Stack) -> None:
    rules = stack.aws("elbv2").describe_rules(ListenerArn=stack.ids["Listener"])["Rules"]
    (own,) = [rule for rule in rules if not rule["IsDefault"]]
    assert own["Conditions"][0]["PathPatternConfig"]["Values"] == ["/metrics"]
    assert own["Actions"][0]["FixedResponseConfig"]["StatusCode"] == "404"


# parameters that do not fit


def test_parameters_that_fit_are_accepted(stack: Stack) -> None:
    assert stack.rendered.complaints() == []


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"ClientCidr": ""}, "Nobody may send"),
        ({"Scheme": "internet-facing"}, "needs a CertificateArn"),
        ({"QueueArn": BOTH["QueueArn"], "RedisUrlSecretArn": "arn:aws:ssm:1"}, "bucket of its photos"),
        ({"QueueArn": BOTH["QueueArn"], "BucketName": "our-photos"}, "set RedisUrlSecretArn"),
        ({"Store": "true"}, "set BucketName"),
        ({"Launch": "GPU"}, "ClusterExists=true"),
        ({"Launch": "GPU", "ClusterExists": "true", "AssignPublicIp": "ENABLED"}, "no public address"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(
    alone: Stack, parameters: dict[str, str], complaint: str
) -> None:
    (only,) = Rendered(alone.parameters | parameters, DOOR).complaints()
    assert complaint in only
