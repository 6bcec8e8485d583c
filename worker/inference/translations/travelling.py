"""Puts a translation into its bundle, so that it travels with the model: in an image, or through S3."""

from collections.abc import Callable
from pathlib import Path

from worker.errors import ConfigurationError
from worker.inference.bundle import TRANSLATION, Bundle
from worker.inference.delivery.workplace import open_workplace, replace
from worker.inference.runtimes import NO_TENSORFLOW, Engines
from worker.inference.translations import entries
from worker.inference.translations.entries import DamagedError
from worker.inference.translations.job import Job, ModelJob
from worker.inference.translations.translation import Translation, make_key


def translate(bundle: Bundle, engines: Engines, tell: Callable[[str], None] = lambda _: None) -> Translation:
    """Give the translation in a bundle's folder, made now unless it is there and whole.

    `tell` gets what is done, if anything is. Raises ConfigurationError if TensorFlow is not installed,
    cannot load the model, or the folder cannot be written.
    """
    if (version := engines.tensorflow_version) is None:
        raise ConfigurationError(NO_TENSORFLOW)
    key = make_key(bundle.digest, version)
    if (found := _find(bundle, key, engines)) is not None:
        return found
    tell(f"translating {bundle.path} for LiteRT, some seconds")
    try:
        with open_workplace(bundle.path.resolve().parent) as place:
            _make(bundle, key, place / "made", engines)
            replace(bundle.path / TRANSLATION, place / "made")
    except OSError as error:
        raise ConfigurationError(f"{bundle.path} cannot take its translation: {error}") from None
    if (found := _find(bundle, key, engines)) is None:
        raise ConfigurationError(f"{bundle.path} has lost its translation again")
    return found


def _find(bundle: Bundle, key: str, engines: Engines) -> Translation | None:
    try:
        if (entry := entries.read(bundle.path / TRANSLATION, lambda _: key)) is None:
            return None
        found = Translation(bundle, entry)
        found.check(engines.runners["litert"])
    except DamagedError:
        return None
    return found


def _make(bundle: Bundle, key: str, into: Path, engines: Engines) -> None:
    job = ModelJob(bundle=bundle.path, key=key, translate_into=into)
    answer = engines.work(Job(models=(job,), place=into.parent), lambda: None)
    if answer.hindered is not None:
        raise ConfigurationError(f"{bundle.path} cannot be translated now: {answer.hindered}")
    if answer.error is not None:
        raise ConfigurationError(answer.error)
