"""Entry point of `python -m worker`."""

import os
import signal
import sys

if __name__ == "__main__":
    if (
        os.getpid() == 1
    ):  # A container's first process: Linux drops signals it has no handler for, even SIGTERM.
        signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit())
    from worker.cli import main

    sys.exit(main())
