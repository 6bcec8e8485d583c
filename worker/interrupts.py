"""Ctrl-C leaves one line, no traceback. A program that people start imports this before all else.

Python then ends the process as the signal does, for which a shell shows the exit code 130.
"""

import sys
from types import TracebackType


def _say(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("stopped\n")
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _say
