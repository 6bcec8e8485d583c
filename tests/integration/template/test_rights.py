"""The templates' roles: they have the rights that the worker's calls need, and no others."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore import xform_name

from tests.support import ROOT
from tests.support.template.rendered import (
    ACCOUNT,
    ALONE,
    BOTH,
    DOOR,
    GPU,
    GUEST,
    REGION,
    REQUIRED,
    TEMPLATE,
    Rendered,
)
from tests.support.template.rights import allows, as_list, find_statements, statements_of

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:photo-score"
DEAD = f"{QUEUE}-dead"
PHOTO = "arn:aws:s3:::our-photos/uploads/1.jpg"
TASK = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/shared/0123456789abcdef"
# Actions without an ARN: https://docs.aws.amazon.com/service-authorization/latest/reference/
WITHOUT_ARN = {"ecr:GetAuthorizationToken", "ecs:DiscoverPollEndpoint"}

# The right that each call needs, and its resource; None: the API, an operator or a door that stores makes the call.
RIGHTS: dict[str, tuple[str, str] | None] = {
    "change_message_visibility_batch": ("sqs:ChangeMessageVisibility", QUEUE),
    "delete_message_batch": ("sqs:DeleteMessage", QUEUE),
    "get_object": ("s3:GetObject", PHOTO),
    "get_queue_attributes": ("sqs:GetQueueAttributes", QUEUE),
    "head_bucket": ("s3:ListBucket", "arn:aws:s3:::our-photos"),
    "head_object": ("s3:GetObject", PHOTO),
    "list_objects_v2": ("s3:ListBucket", "arn:aws:s3:::our-photos"),
    "put_object": None,
    "receive_message": ("sqs:ReceiveMessage", QUEUE),
    "send_message": None,
    "upload_file": None,
}
OPERATORS = "dead_letters.py"  # called by operators, with their rights
OPERATORS_RIGHTS: dict[str, tuple[str, str]] = {
    "cancel_message_move_task": ("sqs:CancelMessageMoveTask", DEAD),
    "change_message_visibility_batch": ("sqs:ChangeMessageVisibility", DEAD),
    "delete_message": ("sqs:DeleteMessage", DEAD),
    "get_queue_attributes": ("sqs:GetQueueAttributes", DEAD),
    "list_message_move_tasks": ("sqs:ListMessageMoveTasks", DEAD),
    "receive_message": ("sqs:ReceiveMessage", DEAD),
    "start_message_move_task": ("sqs:StartMessageMoveTask", DEAD),
}
# Of a door that stores photos: the bucket is looked at, a photo is put, and compared where one is already.
STORING = [("s3:ListBucket", "arn:aws:s3:::our-photos"), ("s3:PutObject", PHOTO), ("s3:GetObject", PHOTO)]
GENERIC = {"get_paginator", "generate_presigned_url"}  # their first argument names the call


@pytest.fixture(scope="module")
def guest() -> Rendered:
    return rendered(GUEST)


@pytest.fixture(scope="module")
def gpu() -> Rendered:
    return rendered({"BucketName": "our-photos"} | GPU)


@pytest.fixture(scope="module")
def door() -> Rendered:
    """The door alone: no queue, no bucket, no Redis."""
    return rendered(ALONE, DOOR)


@pytest.fixture(scope="module")
def both() -> Rendered:
    """Both ways, and photos are stored."""
    return rendered(BOTH, DOOR)


def rendered(parameters: dict[str, str], path: Path = TEMPLATE) -> Rendered:
    """A template, with physical ids for the resources whose ARNs the tests use."""
    network = {"VpcId": "vpc-1", "SubnetIds": "subnet-1,subnet-2", "BalancerSubnetIds": "subnet-3,subnet-4"}
    template = Rendered(REQUIRED | network | parameters, path)
    template.ids.update(
        Queue="photo-score", DeadLetters="photo-score-dead", LogGroup="/ecs/photo-score", Key="its-own"
    )
    return template


def calls(*, of_operators: bool = False) -> Iterator[str]:
    """Yield every call of S3 and SQS in the adapters.

    They are written as `sqs.receive_message(…)`, or as `….call("ReceiveMessage", …)` in sqs.py.
    """
    for path in sorted((ROOT / "worker" / "adapters").rglob("*.py")):
        if (path.name == OPERATORS) != of_operators:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            on, called, first = node.func.value, node.func.attr, node.args[0] if node.args else None
            if path.name == "sqs.py" and called in {"call", "_settle"} and isinstance(first, ast.Constant):
                yield xform_name(str(first.value))
            if isinstance(on, ast.Name) and on.id in {"s3", "sqs"}:
                yield str(first.value) if called in GENERIC and isinstance(first, ast.Constant) else called


@pytest.mark.parametrize("which", ["guest", "both"])
def test_the_worker_has_the_right_to_each_of_its_calls(which: str, request: pytest.FixtureRequest) -> None:
    called = set(calls())
    assert called <= set(RIGHTS), "add the right of the new call here and to the templates in deploy/"
    needed = [right for call in called if (right := RIGHTS[call])]
    assert len(needed) > 5
    statements = statements_of(request.getfixturevalue(which), "TaskRole")
    assert all(allows(statements, action, resource) for action, resource in needed)


@pytest.mark.parametrize("which", ["guest", "both"])
def test_the_worker_may_read_object_versions(which: str, request: pytest.FixtureRequest) -> None:
    assert allows(statements_of(request.getfixturevalue(which), "TaskRole"), "s3:GetObjectVersion", PHOTO)


def test_the_door_alone_has_no_rights_at_all(door: Rendered) -> None:
    assert statements_of(door, "TaskRole") == []
    assert not [one for one in statements_of(door, "ExecutionRole") if "secret" in str(one).lower()]


def test_a_door_that_stores_may_do_so_below_its_prefix_and_nothing_else() -> None:
    storing = statements_of(rendered(BOTH | {"QueueArn": ""}, DOOR), "TaskRole")
    key = ("kms:GenerateDataKey", BOTH["KeyArns"])
    assert all(allows(storing, action, resource) for action, resource in [*STORING, key])
    elsewhere = "arn:aws:s3:::our-photos/elsewhere/1.jpg"
    for action, resource in [
        ("s3:PutObject", elsewhere),
        ("s3:GetObject", elsewhere),
        ("s3:DeleteObject", PHOTO),
        ("sqs:ReceiveMessage", QUEUE),
    ]:
        assert not allows(storing, action, resource), (action, resource)
    taking = statements_of(rendered(BOTH | {"Store": "false"}, DOOR), "TaskRole")
    assert not any(allows(taking, action, resource) for action, resource in [("s3:PutObject", PHOTO), key])


def test_the_door_reads_no_secret_itself(both: Rendered) -> None:
    for secret in (BOTH["RedisUrlSecretArn"], BOTH["TokensSecretArn"]):
        assert allows(statements_of(both, "ExecutionRole"), "secretsmanager:GetSecretValue", secret)
        assert not allows(statements_of(both, "TaskRole"), "secretsmanager:GetSecretValue", secret)


@pytest.mark.parametrize("which", ["guest", "both"])
def test_the_worker_has_no_other_rights_on_queue_and_bucket(
    which: str, request: pytest.FixtureRequest
) -> None:
    statements = statements_of(request.getfixturevalue(which), "TaskRole")
    assert allows(statements, "s3:PutObject", PHOTO) == (which == "both")
    for action, resource in [
        ("sqs:SendMessage", QUEUE),
        ("sqs:PurgeQueue", QUEUE),
        ("sqs:SetQueueAttributes", QUEUE),
        ("s3:DeleteObject", PHOTO),
        ("s3:GetObject", "arn:aws:s3:::another-bucket/1.jpg"),
        ("s3:ListBucket", "arn:aws:s3:::another-bucket"),
        ("secretsmanager:GetSecretValue", GUEST["RedisUrlSecretArn"]),
    ]:
        assert not allows(statements, action, resource), (action, resource)


def test_only_operators_have_rights_on_the_dead_letter_queue(guest: Rendered) -> None:
    called = set(calls(of_operators=True))
    assert called == set(OPERATORS_RIGHTS), "add the right of the new call here and to deploy/template.yaml"
    operator = guest.properties("OperatorPolicy")["PolicyDocument"]["Statement"]
    assert all(allows(operator, action, resource) for action, resource in OPERATORS_RIGHTS.values())
    assert allows(operator, "sqs:SendMessage", QUEUE)
    assert allows(operator, "sqs:GetQueueAttributes", QUEUE)
    assert allows(operator, "s3:GetObject", PHOTO)
    worker = statements_of(guest, "TaskRole")
    assert not any(allows(worker, action, resource) for action, resource in OPERATORS_RIGHTS.values())


def test_a_task_may_protect_only_tasks_of_its_cluster(guest: Rendered) -> None:
    statements = statements_of(guest, "TaskRole")
    assert allows(statements, "ecs:UpdateTaskProtection", TASK)
    assert not allows(statements, "ecs:UpdateTaskProtection", TASK.replace("/shared/", "/another/"))
    assert not allows(statements, "ecs:StopTask", TASK)


def test_the_model_bucket_is_readable_only_below_the_prefix(gpu: Rendered, guest: Rendered) -> None:
    statements = statements_of(gpu, "TaskRole")
    below = "arn:aws:s3:::our-models/models/reference/3/bundle.toml"
    assert allows(statements, "s3:GetObject", below)
    assert allows(statements, "s3:ListBucket", "arn:aws:s3:::our-models", s3__prefix="models/reference/")
    assert not allows(statements, "s3:GetObject", "arn:aws:s3:::our-models/secrets/1")
    assert not allows(statements, "s3:ListBucket", "arn:aws:s3:::our-models", s3__prefix="")
    assert not allows(statements_of(guest, "TaskRole"), "s3:GetObject", below)


def test_the_worker_can_tell_a_missing_model_file_from_a_forbidden_one(gpu: Rendered) -> None:
    # S3 answers GetObject with 404 only to callers who may list the bucket, without a prefix.
    assert allows(statements_of(gpu, "TaskRole"), "s3:ListBucket", "arn:aws:s3:::our-models")


def test_decryption_is_allowed_only_with_the_given_keys(gpu: Rendered, guest: Rendered) -> None:
    for role in ("TaskRole", "ExecutionRole", "OperatorRole"):
        assert allows(statements_of(gpu, role), "kms:Decrypt", GPU["DecryptKeyArns"])
        assert allows(statements_of(gpu, role), "kms:Decrypt", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/its-own")
        assert not allows(
            statements_of(gpu, role), "kms:Decrypt", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/another"
        )
        assert not [one for one in statements_of(guest, role) if "kms" in str(one)]


def test_the_execution_role_may_pull_the_image_log_and_read_the_secret(guest: Rendered) -> None:
    statements = statements_of(guest, "ExecutionRole")
    assert allows(statements, "ecr:BatchGetImage", REQUIRED["RepositoryArn"])
    assert allows(statements, "secretsmanager:GetSecretValue", GUEST["RedisUrlSecretArn"])
    stream = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/photo-score:log-stream:worker/worker/1"
    assert allows(statements, "logs:PutLogEvents", stream)
    assert not allows(statements, "logs:PutLogEvents", stream.replace("/ecs/photo-score", "/ecs/another"))
    assert not allows(statements, "sqs:ReceiveMessage", QUEUE)


def test_the_execution_role_may_read_the_settings_file(gpu: Rendered) -> None:
    statements = statements_of(gpu, "ExecutionRole")
    assert allows(statements, "s3:GetObject", GPU["SettingsFileArn"])
    assert allows(statements, "s3:GetBucketLocation", "arn:aws:s3:::our-settings")


@pytest.mark.parametrize("which", ["gpu", "guest", "door", "both"])
def test_only_actions_without_an_arn_have_a_wildcard(which: str, request: pytest.FixtureRequest) -> None:
    template: Rendered = request.getfixturevalue(which)
    unbound = set[str]()
    for name, kind in template.types.items():
        for statement in find_statements(template.properties(name)):
            if statement["Effect"] == "Allow" and kind != "AWS::KMS::Key":  # there, * means the key itself
                assert not [action for action in as_list(statement["Action"]) if "*" in action], name
                if "*" in as_list(statement.get("Resource", [])):
                    unbound |= set(as_list(statement["Action"]))
    assert unbound == (WITHOUT_ARN if which == "gpu" else WITHOUT_ARN - {"ecs:DiscoverPollEndpoint"})


def test_services_may_only_encrypt_and_decrypt_with_the_key(gpu: Rendered) -> None:
    account, *services = gpu.properties("Key")["KeyPolicy"]["Statement"]
    assert account["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    names = {statement["Principal"]["Service"].split(".", maxsplit=1)[0] for statement in services}
    assert names == {"s3", "logs", "cloudwatch"}
    cryptographic = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt", "kms:GenerateDataKey", "kms:DescribeKey")
    assert all(action.startswith(cryptographic) for statement in services for action in statement["Action"])
