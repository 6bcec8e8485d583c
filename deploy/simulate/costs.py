"""What a simulated day costs, in US dollars."""

from dataclasses import dataclass

from deploy.simulate.day import Day
from deploy.simulate.figures import Figures

DAYS_A_MONTH = 30


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of one day."""

    tasks: float
    requests: float  # SQS and S3
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
    photo = use.sqs_requests_a_photo * prices.sqs_request + prices.s3_put + prices.s3_get
    logs = use.log_bytes_a_photo * day.photos / 1e9 * prices.log_gb
    metrics = use.metrics * prices.metric_month / DAYS_A_MONTH
    return Costs(
        tasks=day.task_hours * hourly,
        requests=day.photos * photo,
        watching=logs + metrics,
        redis=24 * use.redis_nodes * prices.redis_hour,
    )
