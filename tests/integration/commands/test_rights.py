"""The rights of docs/commands.md: with them a command does its job, without any one of them it does not."""

import re
from collections import defaultdict
from collections.abc import Iterator

import pytest

from localstack.faults.gateway import Gateway
from localstack.services import HOST, Services
from tests.integration.commands.documented import PAGE, Rights, rights
from tests.integration.commands.guard import Guard, queue_arn
from tests.integration.commands.scenes import PREFIX, SCENES, Operator
from tests.support.redis_rights import RIGHTS
from tests.support.rig import Rig
from tests.support.template.rendered import GUEST, REQUIRED, Rendered
from tests.support.template.rights import Statement, allows, as_list, statements_of

DOCUMENTED = rights()
EACH = [
    (name, what, action)
    for name, needed in DOCUMENTED.items()
    for what, actions in needed.actions.items()
    for action in sorted(actions)
]
BY_TASK = [name for name, needed in DOCUMENTED.items() if needed.role.endswith("Role")]
(COMPARING,) = re.findall(r"`ACL SETUSER scorer (.+?)`", PAGE)


@pytest.fixture
def operator(rig: Rig, services: Services) -> Iterator[Operator]:
    """No rights on AWS, and those of a worker in Redis."""
    rig.redis.execute_command("ACL", "SETUSER", "scorer", "reset", "on", ">pw", *RIGHTS.split())
    guard, gateway = Guard(rig.name), Gateway(services.gateway_port)
    gateway.faults |= {"s3": guard, "sqs": guard}
    rig.environment["AWS_ENDPOINT_URL"] = gateway.url
    rig.environment["WORKER_REDIS_URL"] = f"redis://scorer:pw@{HOST}:{services.redis_port}/0"
    yield Operator(rig, guard)
    gateway.close()
    rig.redis.execute_command("ACL", "DELUSER", "scorer")


def works(name: str, operator: Operator) -> bool:
    if name == "compare":
        operator.rig.redis.execute_command("ACL", "SETUSER", "scorer", *COMPARING.split())
    return SCENES[name](operator)


def places(operator: Operator) -> dict[str, list[str]]:
    """The ARNs that each column of the table stands for."""
    photos, models = f"arn:aws:s3:::{operator.rig.bucket}", f"arn:aws:s3:::{operator.models}"
    return {
        "queue": [queue_arn(operator.rig.name)],
        "dead": [queue_arn(f"{operator.rig.name}-dead")],
        "photos": [photos, f"{photos}/*"],
        "model": [models, f"{models}/{PREFIX}*"],
    }


def statements(needed: Rights, operator: Operator) -> list[Statement]:
    return [
        {"Effect": "Allow", "Action": sorted(actions), "Resource": places(operator)[what]}
        for what, actions in needed.actions.items()
    ]


def by_place(found: set[tuple[str, str]], operator: Operator) -> dict[str, frozenset[str]]:
    """Sort actions into the columns of the table."""
    sorted_ = defaultdict[str, set[str]](set)
    for action, resource in found:
        start = {
            what: arns[0] for what, arns in places(operator).items() if resource.partition("/")[0] == arns[0]
        }
        sorted_[next(iter(start), resource)].add(action)
    return {what: frozenset(actions) for what, actions in sorted_.items()}


def only_needed(needed: Rights) -> dict[str, frozenset[str]]:
    return {what: actions for what, actions in needed.actions.items() if actions}


def test_the_table_has_the_commands_that_are_tried() -> None:
    assert set(DOCUMENTED) == set(SCENES)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_command_works_with_its_rights_and_asks_for_each(name: str, operator: Operator) -> None:
    operator.guard.statements = statements(DOCUMENTED[name], operator)
    assert works(name, operator), operator.guard.refused
    assert not operator.guard.refused
    assert by_place(operator.guard.used, operator) == only_needed(DOCUMENTED[name])


@pytest.mark.parametrize(("name", "what", "action"), EACH)
def test_a_command_does_not_work_without_one_of_its_rights(
    name: str, what: str, action: str, operator: Operator
) -> None:
    needed = DOCUMENTED[name]
    fewer = Rights(needed.role, needed.actions | {what: needed.actions[what] - {action}})
    operator.guard.statements = statements(fewer, operator)
    assert not works(name, operator)
    assert by_place(operator.guard.refused, operator) == {what: frozenset({action})}


@pytest.mark.parametrize("right", COMPARING.split())
def test_a_comparison_needs_each_of_its_two_rights_in_redis(right: str, operator: Operator) -> None:
    other = next(one for one in COMPARING.split() if one != right)
    operator.rig.redis.execute_command("ACL", "SETUSER", "scorer", other)
    assert not SCENES["compare"](operator)


def stack_of(operator: Operator) -> Rendered:
    """The stack whose queue and buckets are the rig's."""
    network = {"VpcId": "vpc-1", "SubnetIds": "subnet-1,subnet-2"}
    own = {"BucketName": operator.rig.bucket, "ModelBucket": operator.models, "ModelPrefix": PREFIX}
    stack = Rendered(REQUIRED | network | GUEST | own)
    stack.ids.update(Queue=operator.rig.name, DeadLetters=f"{operator.rig.name}-dead")
    return stack


@pytest.mark.parametrize("name", BY_TASK)
def test_the_role_of_a_command_has_its_rights(name: str, operator: Operator) -> None:
    role = statements_of(stack_of(operator), DOCUMENTED[name].role)
    for what, actions in DOCUMENTED[name].actions.items():
        for action in actions:
            resource = places(operator)[what][-1 if action.startswith("s3:GetObject") else 0]
            assert allows(role, action, resource), (action, resource)


def test_operators_have_the_rights_of_their_commands_and_no_others(operator: Operator) -> None:
    role = statements_of(stack_of(operator), "OperatorRole")
    granted = {(a, r) for one in role for a in as_list(one["Action"]) for r in as_list(one["Resource"])}
    needed = defaultdict[str, frozenset[str]](frozenset)
    for one in DOCUMENTED.values():
        for what, actions in only_needed(one).items() if one.role == "OperatorRole" else ():
            needed[what] |= actions
    assert by_place(granted, operator) == needed
