"""What a race's result holds for: this kind of CPU."""

import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
NAMES = {"model name", "flags", "CPU part", "Features"}  # on x86-64, and on ARM


def cpu_features(source: Path = CPUINFO) -> list[str]:
    """Model and features of the first processor; the architecture alone where Linux tells nothing."""
    try:
        first = source.read_text(errors="replace").partition("\n\n")[0]
    except OSError:
        first = ""
    fields = (line.partition(":") for line in first.splitlines())
    found = [" ".join(sorted(value.split())) for name, _, value in fields if name.strip() in NAMES]
    return [platform.machine(), *found]
