"""Every `aws ecs run-task` of docs/commands.md runs a command that exists, in a container of the stack."""

import re
from collections.abc import Iterator

import jmespath
import pytest

from tests.integration.commands.documented import PAGE, RunTask, rights, run_tasks
from tests.support.template.emulated import Stack, moto
from tests.support.template.rendered import TEMPLATE, load
from worker import cli
from worker.commands import CONFIGURATION, dead_letters

RUN_TASKS = run_tasks()
VARIABLES = dict(re.findall(r"^(\w+)=\$\((aws .*?)\)\n", PAGE, re.MULTILINE | re.DOTALL))


def name(shown: RunTask) -> str:
    return shown.name


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack of deploy/README.md: its name, and no parameter that has a default."""
    with moto(tmp_path_factory.mktemp("moto")) as aws:
        stack = Stack(aws, "photo-score", TEMPLATE)
        # moto 5.2.5 adds up the memory of containers, even of those that leave it to the task: it runs this revision.
        worker = stack.container() | {"memory": 6144}
        aws("ecs").register_task_definition(family="photo-score", containerDefinitions=[worker])
        aws("ecs").update_service(cluster="photo-score", service="photo-score", taskDefinition="photo-score")
        yield stack


def test_every_command_that_runs_as_a_task_is_shown_once() -> None:
    as_tasks = [command for command, needed in rights().items() if needed.role.endswith("Role")]
    assert sorted(map(name, RUN_TASKS)) == sorted(as_tasks)


def test_the_page_says_of_every_command_how_it_runs() -> None:
    assert not [command for command in cli.COMMANDS if f"`{command}`" not in PAGE]


@pytest.mark.parametrize("shown", RUN_TASKS, ids=name)
def test_the_command_line_takes_the_command(
    shown: RunTask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without settings a command that is understood says which one is missing; any other ends in SystemExit."""
    for variable in ("WORKER_QUEUE_URL", "WORKER_BUCKETS", "WORKER_REDIS_URL"):
        monkeypatch.delenv(variable, raising=False)
    assert cli.main(shown.command) == CONFIGURATION
    assert re.search(r"WORKER_(QUEUE_URL|BUCKETS|REDIS_URL)", capsys.readouterr().err)


@pytest.mark.parametrize("shown", RUN_TASKS, ids=name)
def test_ecs_takes_the_task(shown: RunTask, stack: Stack) -> None:
    """boto3 knows the names of everything; moto, what there is."""
    ecs, options = stack.aws("ecs"), shown.options
    (service,) = ecs.describe_services(cluster=options["cluster"], services=["photo-score"])["services"]
    answer = ecs.run_task(
        cluster=options["cluster"],
        taskDefinition=service["taskDefinition"],
        launchType=options["launch-type"],
        networkConfiguration=service["networkConfiguration"],
        overrides=shown.overrides,
    )
    (task,) = answer["tasks"]
    assert task["group"] == "family:photo-score", "no task of the service, which scaling and alarms look at"
    assert [one["name"] for one in shown.overrides["containerOverrides"]] == [stack.container()["name"]]
    assert (options["network-configuration"], options["task-definition"]) == ("$network", "$definition")


@pytest.mark.parametrize("shown", RUN_TASKS, ids=name)
def test_a_task_has_the_role_of_the_table(shown: RunTask, stack: Stack) -> None:
    role = rights()[shown.name].role
    assert (
        shown.overrides.get("taskRoleArn", "its own")
        == {"OperatorRole": "$operator", "TaskRole": "its own"}[role]
    )
    arn = f"arn:aws:iam::123456789012:role/{stack.ids[role]}"
    assert role == "TaskRole" or stack.outputs()[role] == arn
    assert load()["Resources"][role]["Type"] == "AWS::IAM::Role"


def test_the_variables_are_read_from_the_stack() -> None:
    assert "aws ecs describe-services --cluster photo-score --services photo-score " in VARIABLES["network"]
    assert "'services[0].networkConfiguration'" in VARIABLES["network"]
    assert "describe-stacks --stack-name photo-score " in VARIABLES["operator"]
    assert "OutputKey=='OperatorRole'" in VARIABLES["operator"]
    assert (
        "aws ecs describe-services --cluster photo-score --services photo-score " in VARIABLES["definition"]
    )


def test_a_command_runs_what_the_service_last_ran_well_with() -> None:
    """A deployment that fails is the newest one until it is rolled back."""
    (query,) = re.findall('--query "(.*)"', VARIABLES["definition"])
    newest, before = (
        {"rolloutState": state, "taskDefinition": f"photo-score:{revision}"}
        for state, revision in (("IN_PROGRESS", 8), ("COMPLETED", 7))
    )
    assert jmespath.search(query, {"services": [{"deployments": [newest, before]}]}) == "photo-score:7"


def test_the_help_of_dead_letters_names_the_rights_of_the_table() -> None:
    things = {"queue": "queue", "dead-letter queue": "dead", "photos' bucket": "photos"}
    told: dict[str, dict[str, frozenset[str]]] = {}
    for action, on in re.findall(r"^  (\w+) +((?:.|\n {4,})*)", dead_letters.RIGHTS, re.MULTILINE):
        command = "dead-letters" if action == "list" else f"dead-letters {action}"
        lines = re.findall(r"on the (.*?):((?:\s+\w+:\w+)+)", on)
        told[command] = {things[thing]: frozenset(actions.split()) for thing, actions in lines}
    needed = {command: its for command, its in rights().items() if command.startswith("dead-letters")}
    assert told == {
        command: {what: actions for what, actions in its.actions.items() if actions}
        for command, its in needed.items()
    }


def test_the_log_stream_is_that_of_the_stack(stack: Stack) -> None:
    container = stack.container()
    options = container["logConfiguration"]["options"]
    group, stream = re.findall(r'aws logs tail (\S+) .*--log-stream-names "(.*?)/\$', PAGE)[0]
    assert (group, stream) == (
        options["awslogs-group"],
        f"{options['awslogs-stream-prefix']}/{container['name']}",
    )


def test_no_shell_can_be_opened_in_a_task(stack: Stack) -> None:
    assert "EnableExecuteCommand" not in stack.rendered.properties("Service")
    assert "ssmmessages" not in TEMPLATE.read_text()
    assert stack.container()["readonlyRootFilesystem"]
