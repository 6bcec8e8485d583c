"""Reads scaling policies, alarms and dashboards out of a rendered template."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.template.rendered import Rendered
from worker.telemetry.metrics import COUNTERS, DISTRIBUTIONS, DOOR_COUNTERS, DOOR_DISTRIBUTIONS

THE_DOORS = {one.name for one in DOOR_COUNTERS} | {one.name for one in DOOR_DISTRIBUTIONS}
METRICS = {one.name for one in COUNTERS} | {one.name for one in DISTRIBUTIONS} | THE_DOORS
# AWS's metrics: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html
AWS_METRICS = {
    "AWS/ApplicationELB": {
        "HTTPCode_ELB_5XX_Count",
        "HTTPCode_Target_2XX_Count",
        "HTTPCode_Target_4XX_Count",
        "HTTPCode_Target_5XX_Count",
        "HealthyHostCount",
        "RequestCount",
        "TargetResponseTime",
    },
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


def alarms(rendered: Rendered) -> dict[str, dict[str, Any]]:
    """Every alarm by its name, without the service's name."""
    every = rendered.of_type("AWS::CloudWatch::Alarm").values()
    return {alarm["AlarmName"].removeprefix(f"{service(rendered)}-"): alarm for alarm in every}


def service(rendered: Rendered) -> str:
    """The service's name."""
    return str(rendered.parameters["ServiceName"])


def expression(alarm: Mapping[str, Any]) -> str:
    """The expression of an alarm."""
    (shown,) = [metric for metric in alarm["Metrics"] if metric["ReturnData"]]
    return str(shown["Expression"])


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
    by_math = [name for name in ("ScaleByBacklog", "ScaleByLoad") if name in rendered.types]
    stats = [stat for name in by_math for stat in policy(rendered, name)[2].values()]
    stats += [metric["MetricStat"] for metric in named if "MetricStat" in metric]
    for metric in [stat["Metric"] for stat in stats] + single:
        pairs = {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
        yield metric["Namespace"], metric["MetricName"], pairs
