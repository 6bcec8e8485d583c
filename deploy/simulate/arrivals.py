"""When photos arrive in a day: three meals, a quiet night, and two sudden spikes. Seeded."""

import numpy as np

from deploy.simulate.figures import Series

DAY = 86_400  # seconds
NIGHT = 0.08  # of the ordinary peak
MEALS = ((8.0, 1.0, 0.45), (12.6, 1.1, 1.0), (19.2, 1.4, 0.95))  # hour, hours of spread, height
SPIKES = ((13.5, 600.0, 3.0), (20.25, 120.0, 5.0))  # hour, seconds, factor
RISE = 30.0  # seconds until a spike is at its height: people follow a push message at once


def rates(peak: float, *, spikes: bool = True) -> Series:
    """Photos per second for each second of a day with the ordinary peak `peak`."""
    hours = np.arange(DAY) / 3600
    meals = sum(height * np.exp(-(((hours - at) / spread) ** 2) / 2) for at, spread, height in MEALS)
    curve = NIGHT + (1 - NIGHT) * meals / np.max(meals)
    for at, seconds, times in SPIKES if spikes else ():
        into = (hours - at) * 3600
        shape = np.clip(into / RISE, 0, 1) * np.clip((seconds - into) / RISE, 0, 1)
        curve *= 1 + (times - 1) * shape
    return np.asarray(peak * curve, np.float64)


def draw(rates: Series, seed: int) -> Series:
    """Draw how many photos arrive in each second: Poisson."""
    return np.random.default_rng(seed).poisson(rates).astype(np.float64)
