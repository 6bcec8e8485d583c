"""What a command tells the shell; `run` has codes of its own beside these, see supervisor.py."""

OK, FAILED, CONFIGURATION, INTERRUPTED = 0, 1, 2, 130
BROKEN_PIPE = 141  # as a shell tells of SIGPIPE
