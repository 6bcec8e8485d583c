"""schema: print the JSON Schema of a result."""

import argparse

from worker.commands import OK
from worker.result import schema


def run(_options: argparse.Namespace) -> int:
    print(schema())
    return OK
