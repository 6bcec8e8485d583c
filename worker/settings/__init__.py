"""Every setting with its type, bounds, default, unit and description; the checks across settings."""

from worker.settings.declarations import Settings
from worker.settings.environment import load, rows
from worker.settings.values import UUID_SEGMENT

__all__ = ["UUID_SEGMENT", "Settings", "load", "rows"]
