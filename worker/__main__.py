"""Entry point of `python -m worker`, and of the command photo-score-worker."""

import worker.interrupts  # noqa: F401 - before all else

# isort: split
import signal
import sys


def stop(_number: int, _frame: object) -> None:
    """End as at Ctrl-C: by default SIGTERM would leave temporary files, or in a container do nothing at all."""
    if sys.argv[1:] in ([], ["run"]):
        sys.exit()  # it has received nothing yet; once it may, it listens itself
    raise KeyboardInterrupt


def main() -> int:
    """Run the command that the arguments name."""
    signal.signal(signal.SIGTERM, stop)
    from worker.cli import main as run  # noqa: PLC0415 - a signal may come meanwhile

    return run()


if __name__ == "__main__":
    sys.exit(main())
