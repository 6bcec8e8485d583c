"""What a simulated day costs, in US dollars."""

from dataclasses import dataclass

from deploy.simulate.day import Day
from deploy.simulate.door import DoorDay
from deploy.simulate.figures import Figures
from worker.telemetry.metrics import COUNTERS, DISTRIBUTIONS, DOOR_COUNTERS, DOOR_DISTRIBUTIONS

DAYS_A_MONTH = 30
PUBLISHED = len(COUNTERS) + len(DISTRIBUTIONS)  # metrics of a worker
BY_THE_DOOR = len(DOOR_DISTRIBUTIONS) + sum(not one.is_rare for one in DOOR_COUNTERS)


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of one day."""

    tasks: float
    requests: float  # SQS and S3, or the load balancer
    watching: float  # logs and metrics
    redis: float

    @property
    def total(self) -> float:
        """All costs."""
        return self.tasks + self.requests + self.watching + self.redis


def calculate(day: Day, figures: Figures) -> Costs:
    """Calculate the costs of a day, without network and storage."""
    task, prices, use = figures.task, figures.prices, figures.use
    hourly = task.vcpu * prices.vcpu_hour + task.memory_gb * prices.gb_hour
    logs = use.log_bytes_a_photo * day.photos / 1e9 * prices.log_gb
    metrics = use.alarm_metrics + PUBLISHED + (BY_THE_DOOR if isinstance(day, DoorDay) else 0)
    return Costs(
        tasks=day.task_hours * hourly,
        requests=_balancer(day, figures) if isinstance(day, DoorDay) else _queue_and_bucket(day, figures),
        watching=logs + metrics * prices.metric_month / DAYS_A_MONTH,
        redis=24 * use.redis_nodes * prices.redis_hour,
    )


def _queue_and_bucket(day: Day, figures: Figures) -> float:
    prices = figures.prices
    photo = figures.use.sqs_requests_a_photo * prices.sqs_request + prices.s3_put + prices.s3_get
    return day.photos * photo


def _balancer(day: DoorDay, figures: Figures) -> float:
    """Refused photos count in full, though a client that hears it stops sending."""
    sent_gb = day.requests * figures.use.photo_mb / 1000
    return 24 * figures.prices.balancer_hour + sent_gb * figures.prices.balancer_gb
