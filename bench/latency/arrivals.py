"""When photos are sent, and how long S3 takes to announce them; seeded."""

import random

# Published for 1,000 objects: seconds from upload to notification, and the share under a second.
PUBLISHED_CUTS = {0.5: 1.34, 0.9: 1.77, 0.99: 2.15}
PUBLISHED_UNDER_ONE = 0.16
# A normal distribution fits all four figures within 1 %. A log-normal one, fitted to the three cuts,
# has only 8 % under one second.
MEAN, DEVIATION = 1.34, 0.342  # seconds


def poisson(rate: float, seconds: float, seed: int) -> list[float]:
    """Draw arrivals at `rate` per second: ascending seconds from 0, all before `seconds`."""
    draw, moments = random.Random(seed), list[float]()
    at = draw.expovariate(rate)
    while at < seconds:
        moments.append(at)
        at += draw.expovariate(rate)
    return moments


def notification_delays(count: int, seed: int) -> list[float]:
    """Draw the seconds that S3 takes for `count` notifications, distributed as published."""
    draw = random.Random(seed)
    return [max(0.0, draw.normalvariate(MEAN, DEVIATION)) for _ in range(count)]
