"""publish-model: upload a model for workers that take theirs from S3."""

import argparse
import sys
from pathlib import Path

from worker.commands.exit_codes import FAILED, OK
from worker.errors import StorageError

NAME, HELP = "publish-model", "upload a model for workers that take theirs from S3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what can follow the command."""
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="NAME/VERSION, or NAME: its newest version"
    )
    parser.add_argument("to", metavar="S3URL", help="s3://bucket/prefix/NAME/")


def run(options: argparse.Namespace) -> int:
    """Run it; its exit code. Raises ConfigurationError."""
    from worker.adapters.aws.model_bucket import ModelBucket  # noqa: PLC0415 - the same
    from worker.inference import library  # noqa: PLC0415 - the other commands need no AWS client

    def tell(name: str) -> None:
        sys.stdout.write(f"  {name}\n")
        sys.stdout.flush()

    try:
        where = library.publish(options.folder, options.to, ModelBucket(), tell)
    except StorageError as error:
        sys.stderr.write(f"worker publish-model: {error}\n")
        return FAILED
    sys.stdout.write(f"{where} is whole: workers with WORKER_MODEL={options.to} take it from now on\n")
    return OK
