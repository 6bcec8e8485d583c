"""translate-model: write a model's translation for LiteRT into its folder."""

import argparse

from worker.adapters.engines import Engines
from worker.commands import FAILED, OK
from worker.inference import bundle
from worker.inference.translations.travelling import translate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="FOLDER", help="NAME/VERSION, or NAME for its newest version")


def run(options: argparse.Namespace) -> int:
    found = translate(bundle.read(options.folder), Engines(), lambda text: print(text, flush=True))
    print(found.shortcoming or f"{found.entry.path} is whole: a worker starts from it without TensorFlow")
    return FAILED if found.shortcoming else OK
