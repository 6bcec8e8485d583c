"""publish-model: upload a model for workers that load theirs from S3."""

import argparse
from pathlib import Path

from worker.adapters.aws.model_bucket import ModelBucket
from worker.commands import OK
from worker.inference.delivery.publishing import publish


def add_arguments(parser: argparse.ArgumentParser) -> None:
    folder_help = "NAME/VERSION, or NAME for its newest version"
    parser.add_argument("folder", type=Path, metavar="FOLDER", help=folder_help)
    parser.add_argument("to", metavar="S3URL", help="s3://bucket/prefix/NAME/")


def run(options: argparse.Namespace) -> int:
    where = publish(options.folder, options.to, ModelBucket(), lambda name: print(f"  {name}", flush=True))
    print(f"{where} is whole: workers with WORKER_MODEL={options.to} load it from now on")
    return OK
