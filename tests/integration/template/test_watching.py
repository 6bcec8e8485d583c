"""The template's scaling policies, alarms and dashboard: their formulas and metrics."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.integration.template.rendered import REQUIRED, Rendered
from tests.support import ROOT
from worker.telemetry.metrics import COUNTERS, DISTRIBUTIONS

METRICS = {counter.name for counter in COUNTERS} | {one.name for one in DISTRIBUTIONS}
# AWS's metrics: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html
AWS_METRICS = {
    "AWS/ECS": {"CPUUtilization", "MemoryUtilization"},
    "AWS/Events": {"TriggeredRules"},
    "AWS/ElastiCache": {"DatabaseMemoryUsagePercentage"},
    "AWS/SQS": {
        "ApproximateAgeOfOldestMessage",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesVisible",
        "NumberOfMessagesDeleted",
        "NumberOfMessagesSent",
    },
}


@pytest.fixture(scope="module")
def rendered() -> Rendered:
    numbers = {"MillisecondsPerPhoto": "20", "AcceptableWait": "0.4", "LoadTarget": "0.6", "MaxTasks": "7"}
    names = {"VpcId": "vpc-1", "SubnetIds": "subnet-1,subnet-2", "BucketName": "our-photos"}
    return Rendered(REQUIRED | names | numbers)


def evaluate(expression: str, **values: float) -> float:
    """Evaluate a metric math expression; supports IF, FILL, AND and ==."""
    python = re.sub(r"FILL\((\w+), (\d+)\)", r"\1", expression)
    python = python.replace("IF(", "either(").replace(" AND ", " and ")
    names = {**values, "either": lambda condition, one, other: one if condition else other}
    return float(eval(python, {"__builtins__": {}}, names))  # noqa: S307 - from the template


def policy(rendered: Rendered, name: str) -> tuple[float, str, dict[str, Any]]:
    """A scaling policy's target, expression and metrics."""
    tracking = rendered.properties(name)["TargetTrackingScalingPolicyConfiguration"]
    metrics = tracking["CustomizedMetricSpecification"]["Metrics"]
    (shown,) = [metric for metric in metrics if metric["ReturnData"]]
    inputs = {metric["Id"]: metric["MetricStat"] for metric in metrics if not metric["ReturnData"]}
    return float(tracking["TargetValue"]), shown["Expression"], inputs


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


@pytest.mark.parametrize("name", ["ScaleByBacklog", "ScaleByLoad"])
def test_tasks_are_counted_by_the_samples_of_the_cpu_metric(rendered: Rendered, name: str) -> None:
    tasks = policy(rendered, name)[2]["tasks"]
    assert tasks["Stat"] == "SampleCount"
    assert tasks["Metric"] == {
        "Namespace": "AWS/ECS",
        "MetricName": "CPUUtilization",
        "Dimensions": [
            {"Name": "ClusterName", "Value": "photo-score"},
            {"Name": "ServiceName", "Value": "photo-score"},
        ],
    }


def test_at_least_one_task_always_runs(rendered: Rendered) -> None:
    target = rendered.properties("ScalableTarget")
    assert int(target["MinCapacity"]) >= 1
    assert "DesiredCount" not in rendered.properties("Service"), (
        "an update of the stack would undo the scaling"
    )


def alarms(rendered: Rendered) -> dict[str, dict[str, Any]]:
    """Every alarm by its name, without the service's name."""
    every = rendered.of_type("AWS::CloudWatch::Alarm").values()
    return {alarm["AlarmName"].removeprefix("photo-score-"): alarm for alarm in every}


def expression(alarm: Mapping[str, Any]) -> str:
    """The expression of an alarm."""
    (shown,) = [metric for metric in alarm["Metrics"] if metric["ReturnData"]]
    return str(shown["Expression"])


def test_each_alarm_links_to_its_instructions(rendered: Rendered) -> None:
    operations = (ROOT / "docs" / "operations.md").read_text()
    for name, alarm in alarms(rendered).items():
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


def test_the_metrics_of_an_alarm_have_one_period(rendered: Rendered) -> None:
    for alarm in alarms(rendered).values():
        periods = {
            metric["MetricStat"]["Period"] for metric in alarm.get("Metrics", []) if "MetricStat" in metric
        }
        assert len(periods) <= 1


def test_only_unrequested_stops_are_counted(rendered: Rendered) -> None:
    rule = rendered.properties("Stops")
    detail = rule["EventPattern"]["detail"]
    assert (detail["group"], detail["lastStatus"]) == (["service:photo-score"], ["STOPPED"])
    assert {"stopCode": ["EssentialContainerExited", "TaskFailedToStart"]} in detail["$or"]
    counted = alarms(rendered)["task-restarts"]["Dimensions"]
    assert counted == [{"Name": "RuleName", "Value": rendered.ids.get("Stops", "<Stops>")}]


def widgets(rendered: Rendered) -> list[dict[str, Any]]:
    """The widgets of the dashboard."""
    shown: list[dict[str, Any]] = json.loads(rendered.properties("Dashboard")["DashboardBody"])["widgets"]
    return shown


def expand(metrics: list[list[Any]]) -> Iterator[list[Any]]:
    """Yield metrics as [namespace, name, dimension, value, …]; a dot repeats the value above."""
    before: list[Any] = []
    for metric in metrics:
        if isinstance(metric[0], str):
            parts = [part for part in metric if isinstance(part, str)]
            before = [before[at] if part == "." else part for at, part in enumerate(parts)]
            yield before


def find_metrics(rendered: Rendered) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield every metric of alarms, policies and dashboard: namespace, name, dimensions."""
    for widget in widgets(rendered):
        for namespace, name, *dimensions in expand(widget["properties"].get("metrics", [])):
            yield namespace, name, dict(zip(dimensions[::2], dimensions[1::2], strict=True))
    named = [metric for alarm in alarms(rendered).values() for metric in alarm.get("Metrics", [])]
    single = [alarm for alarm in alarms(rendered).values() if "MetricName" in alarm]
    stats = [
        stat for name in ("ScaleByBacklog", "ScaleByLoad") for stat in policy(rendered, name)[2].values()
    ]
    stats += [metric["MetricStat"] for metric in named if "MetricStat" in metric]
    for metric in [stat["Metric"] for stat in stats] + single:
        pairs = {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
        yield metric["Namespace"], metric["MetricName"], pairs


def test_every_metric_used_exists(rendered: Rendered) -> None:
    used = list(find_metrics(rendered))
    assert {namespace for namespace, *_ in used} > {"PhotoScore", "AWS/SQS"}
    for namespace, name, dimensions in used:
        if namespace == "PhotoScore":
            assert name in METRICS
            assert dimensions == {"Service": "photo-score"}
        else:
            assert name in AWS_METRICS[namespace]


def test_the_dashboard_shows_all_but_three_metrics_of_the_worker(rendered: Rendered) -> None:
    shown = {name for namespace, name, _ in find_metrics(rendered) if namespace == "PhotoScore"}
    # Others that are shown imply these.
    assert {"MessagesReceived", "Batches", "BatchedPhotos"} == METRICS - shown


def test_the_dashboard_shows_every_alarm_that_always_exists(rendered: Rendered) -> None:
    (row,) = [widget for widget in widgets(rendered) if widget["type"] == "alarm"]
    shown = {arn.rsplit(":", 1)[-1].removeprefix("photo-score-") for arn in row["properties"]["alarms"]}
    assert shown == set(alarms(rendered)) - {"cache-memory"}  # exists only with the cache


def test_the_worker_sends_metrics_to_the_namespace_of_the_alarms(rendered: Rendered) -> None:
    (container,) = rendered.properties("TaskDefinition")["ContainerDefinitions"]
    environment = {entry["Name"]: entry["Value"] for entry in container["Environment"]}
    assert environment["WORKER_METRICS"] == "emf"
    assert (environment["WORKER_METRICS_NAMESPACE"], environment["WORKER_SERVICE"]) == (
        "PhotoScore",
        "photo-score",
    )
