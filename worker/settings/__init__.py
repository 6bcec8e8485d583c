"""Every setting: its type, bounds, default, unit and description, and the checks across settings."""

from worker.settings.declarations import PREFIX, UUID_SEGMENT, Settings, load, rows

__all__ = ["PREFIX", "UUID_SEGMENT", "Settings", "load", "rows"]
