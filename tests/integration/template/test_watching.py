"""The scaling policies, alarms and dashboards of both templates: their formulas and metrics."""

import pytest

from tests.integration.template.watching import (
    AWS_METRICS,
    METRICS,
    alarms,
    evaluate,
    expression,
    find_metrics,
    policy,
    service,
    widgets,
)
from tests.support import ROOT
from tests.support.template.rendered import ALONE, DOOR, REQUIRED, Rendered

NUMBERS = {"MillisecondsPerPhoto": "20", "LoadTarget": "0.6", "MaxTasks": "7"}
NETWORK = {"VpcId": "vpc-1", "SubnetIds": "subnet-1,subnet-2"}


@pytest.fixture(scope="module")
def rendered() -> Rendered:
    """The stack that takes from the queue."""
    return Rendered(REQUIRED | NETWORK | NUMBERS | {"BucketName": "our-photos", "AcceptableWait": "0.4"})


@pytest.fixture(scope="module")
def door() -> Rendered:
    """The stack behind a load balancer."""
    own = ALONE | {"BalancerSubnetIds": "subnet-3,subnet-4", "MinTasks": "2", "Objective": "800"}
    template = Rendered(REQUIRED | NETWORK | NUMBERS | own, DOOR)
    template.ids.update(LoadBalancer="arn:elb:loadbalancer/app/door/1", TargetGroup="arn:elb:targetgroup/t/2")
    return template


@pytest.fixture(scope="module", params=["rendered", "door"])
def stack(request: pytest.FixtureRequest) -> Rendered:
    """Both."""
    template: Rendered = request.getfixturevalue(request.param)
    return template


BALANCER = {"LoadBalancer": "app/door/1"}
TARGETS = {**BALANCER, "TargetGroup": "targetgroup/t/2"}


def test_the_backlog_is_in_seconds_of_work_per_task(rendered: Rendered) -> None:
    target, expression, metrics = policy(rendered, "ScaleByBacklog")
    assert target == 0.4
    assert evaluate(expression, visible=120, tasks=4) == pytest.approx(120 / 4 * 0.020)
    assert metrics["visible"]["Metric"]["MetricName"] == "ApproximateNumberOfMessagesVisible"


def test_the_load_is_the_busy_share_of_the_tasks_time(rendered: Rendered) -> None:
    target, expression, metrics = policy(rendered, "ScaleByLoad")
    assert target == 0.6
    a_minute = 60 * 100  # messages, at 100 a second
    assert evaluate(expression, sent=a_minute, tasks=4) == pytest.approx(100 * 0.020 / 4)
    assert (metrics["sent"]["Metric"]["MetricName"], metrics["sent"]["Stat"]) == (
        "NumberOfMessagesSent",
        "Sum",
    )


def test_the_doors_load_is_what_was_asked_for_refused_requests_too(door: Rendered) -> None:
    target, expression, metrics = policy(door, "ScaleByLoad")
    assert target == 0.6
    assert evaluate(expression, requests=60 * 100, tasks=4) == pytest.approx(100 * 0.020 / 4)
    assert (metrics["requests"]["Metric"]["MetricName"], metrics["requests"]["Stat"]) == (
        "RequestCount",  # whatever its answer
        "Sum",
    )


def test_the_doors_tasks_are_also_added_by_their_cpu(door: Rendered) -> None:
    tracking = door.properties("ScaleByCpu")["TargetTrackingScalingPolicyConfiguration"]
    predefined = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
    assert (predefined, tracking["TargetValue"]) == ("ECSServiceAverageCPUUtilization", "40")


@pytest.mark.parametrize(
    ("name", "which"), [("ScaleByBacklog", "rendered"), ("ScaleByLoad", "rendered"), ("ScaleByLoad", "door")]
)
def test_tasks_are_counted_by_the_samples_of_the_cpu_metric(
    name: str, which: str, request: pytest.FixtureRequest
) -> None:
    stack: Rendered = request.getfixturevalue(which)
    tasks = policy(stack, name)[2]["tasks"]
    assert tasks["Stat"] == "SampleCount"
    assert tasks["Metric"] == {
        "Namespace": "AWS/ECS",
        "MetricName": "CPUUtilization",
        "Dimensions": [
            {"Name": "ClusterName", "Value": stack.parameters["ClusterName"]},
            {"Name": "ServiceName", "Value": service(stack)},
        ],
    }


def test_at_least_one_task_always_runs(stack: Rendered) -> None:
    target = stack.properties("ScalableTarget")
    assert int(target["MinCapacity"]) >= 1
    assert "DesiredCount" not in stack.properties("Service"), "an update of the stack would undo the scaling"


def test_each_alarm_links_to_its_instructions(stack: Rendered) -> None:
    operations = (ROOT / "docs" / "operations.md").read_text()
    for name, alarm in alarms(stack).items():
        assert alarm["AlarmDescription"].endswith(f"See docs/operations.md#{name}")
        assert f"\n### {name}\n" in operations, name
        assert alarm["AlarmActions"] == ["<AlarmTopic>"]


@pytest.mark.parametrize(
    ("visible", "done", "fires"),
    [(3, 0, True), (3, 1, False), (0, 0, False)],
    ids=["stuck", "works", "empty"],
)
def test_nothing_scored_firesonly_while_messages_wait(
    rendered: Rendered, visible: int, done: int, fires: bool
) -> None:
    alarm = alarms(rendered)["nothing-scored"]
    assert (evaluate(expression(alarm), visible=visible, done=done) > alarm["Threshold"]) == fires


def test_objective_missed_is_a_percentage_of_all_photos(rendered: Rendered) -> None:
    assert evaluate(expression(alarms(rendered)["objective-missed"]), met=95, missed=5) == 5


@pytest.mark.parametrize(
    ("tasks", "visible", "fires"),
    [(7, 1000, True), (6, 1000, False), (7, 10, False)],
    ids=["at the limit", "below the limit", "no backlog"],
)
def test_at_max_tasks_firesonly_with_a_backlog(
    rendered: Rendered, tasks: int, visible: int, fires: bool
) -> None:
    alarm = alarms(rendered)["at-max-tasks"]
    assert (evaluate(expression(alarm), tasks=tasks, visible=visible) > alarm["Threshold"]) == fires


@pytest.mark.parametrize(
    ("tasks", "requests", "fires"),
    [(7, 60 * 300, True), (6, 60 * 300, False), (7, 60 * 200, False)],
    ids=["at the limit", "below the limit", "not busy"],
)
def test_at_max_tasks_of_the_door_fires_only_when_more_is_asked_for(
    door: Rendered, tasks: int, requests: int, fires: bool
) -> None:
    alarm = alarms(door)["at-max-tasks"]
    assert (evaluate(expression(alarm), tasks=tasks, requests=requests) > alarm["Threshold"]) == fires


@pytest.mark.parametrize(
    ("answered", "unanswered", "requests", "per_cent"),
    [(0, 0, 100, 0), (3, 0, 100, 3), (0, 100, 0, 100)],
    ids=["none", "by tasks", "there was no task to choose"],
)
def test_server_errors_are_those_of_the_tasks_and_of_the_load_balancer(
    door: Rendered, answered: int, unanswered: int, requests: int, per_cent: float
) -> None:
    math = expression(alarms(door)["server-errors"])
    assert evaluate(math, answered=answered, unanswered=unanswered, requests=requests) == per_cent


def test_too_many_requests_are_a_percentage_of_all(door: Rendered) -> None:
    alarm = alarms(door)["too-many-requests"]
    assert evaluate(expression(alarm), refused=3, requests=60) == 5
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == ("1", "GreaterThanThreshold")
    assert alarm["TreatMissingData"] == "notBreaching", "without requests none is refused"


def test_slow_answers_are_those_whose_p99_is_above_the_objective(door: Rendered) -> None:
    alarm = alarms(door)["slow-answers"]
    assert (alarm["MetricName"], alarm["ExtendedStatistic"]) == ("LatencyTotal", "p99")
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == ("800", "GreaterThanThreshold")


def test_too_few_tasks_are_fewer_than_the_fewest_or_none_that_is_counted(door: Rendered) -> None:
    alarm = alarms(door)["too-few-tasks"]
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == ("2", "LessThanThreshold")
    assert alarm["TreatMissingData"] == "breaching"


def test_the_metrics_of_an_alarm_have_one_period(stack: Rendered) -> None:
    for alarm in alarms(stack).values():
        periods = {
            metric["MetricStat"]["Period"] for metric in alarm.get("Metrics", []) if "MetricStat" in metric
        }
        assert len(periods) <= 1


def test_only_unrequested_stops_are_counted(stack: Rendered) -> None:
    rule = stack.properties("Stops")
    detail = rule["EventPattern"]["detail"]
    assert (detail["group"], detail["lastStatus"]) == ([f"service:{service(stack)}"], ["STOPPED"])
    assert {"stopCode": ["EssentialContainerExited", "TaskFailedToStart"]} in detail["$or"]
    counted = alarms(stack)["task-restarts"]["Dimensions"]
    assert counted == [{"Name": "RuleName", "Value": stack.ids.get("Stops", "<Stops>")}]


def test_every_metric_used_exists(stack: Rendered) -> None:
    used = list(find_metrics(stack))
    assert {namespace for namespace, *_ in used} > {"PhotoScore", "AWS/ECS"}
    for namespace, name, dimensions in used:
        if namespace == "PhotoScore":
            assert name in METRICS
            assert dimensions == {"Service": service(stack)}
        else:
            assert name in AWS_METRICS[namespace]
        if namespace == "AWS/ApplicationELB":
            assert dimensions in (BALANCER, TARGETS)


def test_the_dashboards_show_all_but_three_metrics_of_the_worker(rendered: Rendered, door: Rendered) -> None:
    used = [*find_metrics(rendered), *find_metrics(door)]
    shown = {name for namespace, name, _ in used if namespace == "PhotoScore"}
    # Others that are shown imply these.
    assert {"MessagesReceived", "Batches", "BatchedPhotos"} == METRICS - shown


def test_the_dashboard_shows_every_alarm_that_always_exists(stack: Rendered) -> None:
    (row,) = [widget for widget in widgets(stack) if widget["type"] == "alarm"]
    shown = {arn.rsplit(":", 1)[-1].removeprefix(f"{service(stack)}-") for arn in row["properties"]["alarms"]}
    assert shown == set(alarms(stack)) - {"cache-memory"}  # exists only with the cache


def test_the_worker_sends_metrics_to_the_namespace_of_the_alarms(stack: Rendered) -> None:
    (container,) = stack.properties("TaskDefinition")["ContainerDefinitions"]
    environment = {entry["Name"]: entry["Value"] for entry in container["Environment"]}
    assert environment["WORKER_METRICS"] == "emf"
    assert (environment["WORKER_METRICS_NAMESPACE"], environment["WORKER_SERVICE"]) == (
        "PhotoScore",
        service(stack),
    )
