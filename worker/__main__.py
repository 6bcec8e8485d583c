"""Entry point of `python -m worker`."""

import os
import signal
import sys

if __name__ == "__main__":
    # From a container's first process Linux keeps every signal without a handler, even SIGTERM.
    if os.getpid() == 1:
        signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit())
    from worker.cli import main

    sys.exit(main())
