"""What is known of TensorFlow without importing it, which takes seconds."""

from importlib import metadata, util

WITHOUT_GPUS = "tensorflow-cpu"
DISTRIBUTIONS = ("tensorflow", WITHOUT_GPUS)


def version() -> str | None:
    """Version of TensorFlow; None if it is not installed."""
    found = _find()
    return found and found[1]


def may_have_gpus() -> bool:
    """Whether it can use GPUs at all: one of the two usual distributions cannot."""
    found = _find()
    return found is not None and found[0] != WITHOUT_GPUS


def _find() -> tuple[str, str] | None:
    """Name and version of the distribution."""
    try:
        if util.find_spec("tensorflow") is None:
            return None
    except (ImportError, ValueError):
        return None
    for name in DISTRIBUTIONS:
        try:
            return name, metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "another", "unknown"
