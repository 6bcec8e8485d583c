"""The commands of `python -m worker`, one per file.

`run` returns the exit code; `add_arguments` declares the arguments, if there are any.
cli.py imports only the command that was chosen, and reports its errors.
"""

import io
import sys

OK, FAILED, CONFIGURATION, INTERRUPTED = 0, 1, 2, 130  # `run` has one more: supervision/supervisor.py
BROKEN_PIPE = 141  # what a shell reports for SIGPIPE


def forgive_letters() -> None:
    """Print on a terminal that lacks a letter, too: it still shows the others."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
