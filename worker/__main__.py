"""Entry point of `python -m worker`."""

import signal
import sys


def stop(_number: int, _frame: object) -> None:
    """End as at Ctrl-C: by default SIGTERM would leave temporary files, or in a container do nothing at all."""
    if sys.argv[1:] in ([], ["run"]):
        sys.exit()  # it has received nothing yet; once it may, it listens itself
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    from worker.cli import main

    sys.exit(main())
