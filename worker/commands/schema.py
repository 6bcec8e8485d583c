"""schema: print the JSON Schema of a result."""

import argparse
import json

from worker.commands import OK
from worker.result import Result


def run(_options: argparse.Namespace) -> int:
    print(json.dumps(Result.model_json_schema(mode="serialization"), indent=2))
    return OK
