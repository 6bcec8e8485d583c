"""schema: print the JSON Schema of a result."""

import argparse
import json
import sys

from worker.commands.exit_codes import OK
from worker.result import Result

NAME, HELP = "schema", "print the JSON Schema of a result"


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Say what can follow the command."""


def run(_options: argparse.Namespace) -> int:
    """Run it; its exit code. Raises ConfigurationError."""
    sys.stdout.write(json.dumps(Result.model_json_schema(mode="serialization"), indent=2) + "\n")
    return OK
