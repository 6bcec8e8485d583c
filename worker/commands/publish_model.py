"""publish-model: upload a model, with its translation, for workers that load theirs from S3."""

import argparse
from pathlib import Path

from worker.adapters import engines
from worker.adapters.aws.model_bucket import ModelBucket
from worker.commands import OK
from worker.inference import bundle
from worker.inference.delivery.publishing import publish
from worker.inference.delivery.s3_folder import S3Folder
from worker.inference.translations.travelling import translate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    folder_help = "NAME/VERSION, or NAME for its newest version"
    parser.add_argument("folder", type=Path, metavar="FOLDER", help=folder_help)
    parser.add_argument("to", type=S3Folder.parse, metavar="S3URL", help="s3://bucket/prefix/NAME/")
    parser.add_argument(
        "--no-translation",
        action="store_true",
        help="do not translate it for LiteRT: workers with TensorFlow do so at their first start",
    )


def run(options: argparse.Namespace) -> int:
    if not options.no_translation:
        _translate(options.folder)
    where = publish(options.folder, str(options.to), ModelBucket(), lambda name: _say(f"  {name}"))
    print(f"{where} is whole: workers with WORKER_MODEL={options.to} load it from now on")
    return OK


def _translate(folder: Path) -> None:
    """Translate the model in advance, if TensorFlow is installed here."""
    if engines.Engines().tensorflow_version is None:
        _say("TensorFlow is not installed here, so the model goes without a translation for LiteRT:")
        _say("workers with TensorFlow make it at their first start, others refuse the model")
        return
    found = translate(bundle.read(str(folder)), engines.Engines(), _say)
    if found.shortcoming:
        _say(found.shortcoming)


def _say(text: str) -> None:
    print(text, flush=True)
