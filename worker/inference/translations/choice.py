"""Chooses what runs the models: the engine worth most that loads here and answers as TensorFlow does."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from worker.errors import BatchTooLargeError, ConversionError, HinderedError, ModelError
from worker.inference import engine_trial
from worker.inference.bundle import Bundle
from worker.inference.engine_trial import RunnerName
from worker.inference.runtimes import LoadedReplica, Replicas
from worker.inference.translations.desk import Desk
from worker.inference.translations.entries import DamagedError
from worker.inference.translations.job import Race, Rates
from worker.inference.translations.translation import Translation

Load = Callable[[Sequence[tuple[Bundle, Path]]], Replicas]  # builds replicas of translations
Run = Callable[[RunnerName], Replicas]  # does so on an engine; raises ConversionError


class Choice(NamedTuple):
    """What was chosen, and why."""

    replicas: Replicas | None  # None leaves the models to TensorFlow
    facts: dict[str, Any]  # for a log line


def choose(desk: Desk, race: Race, run: Run) -> Choice:
    """Run the models on the winner of a race, held now or before. If that fails, the next one wins for good.

    Raises ConfigurationError.
    """
    try:
        desk.check_convertible()
        kept = desk.verdicts.find(race)
        replicas, rates = _run_best(desk, race, kept or desk.hold(race), run)
    except ConversionError as error:
        return Choice(None, {"reason": str(error)})
    return Choice(replicas, rates.facts() | ({"kept": True} if rates is kept else {}))


def stay(engine: RunnerName, run: Run) -> Choice:
    """Run other models on the engine that serves, or else on LiteRT. No race: photos are being scored."""
    reasons: dict[RunnerName, str] = {}
    for name in dict.fromkeys((engine, "litert")):
        try:
            return Choice(run(name), {"reason": "; ".join(reasons.values())} if reasons else {})
        except ConversionError as error:
            reasons[name] = str(error)
            if isinstance(error, HinderedError):  # so LiteRT would be, too
                break
    return Choice(None, {"reason": "; ".join(reasons.values())})


def _run_best(desk: Desk, race: Race, rates: Rates, run: Run) -> tuple[Replicas | None, Rates]:
    while (engine := rates.best) != "tensorflow":
        try:
            return run(engine), rates
        except HinderedError:
            raise
        except ConversionError as error:
            rates = rates.without(engine, str(error))
            desk.verdicts.keep(race, rates)
    return None, rates


def run_judged(desk: Desk, load: Load, tell: Callable[[Bundle, str], None] | None = None) -> Replicas:
    """Load the translations, and compare their answers with TensorFlow's.

    One that is of no use is made anew, once. `tell` gets what is wrong with the answers, which then do
    no harm. Raises ConversionError, and ConfigurationError if a translation cannot be made.
    """
    while True:
        found = desk.translations()
        try:
            replicas = load([(one.bundle, one.model) for one in found])
        except ConversionError as error:
            if not desk.refuse(found, str(error)):
                raise
            continue
        misfit = _find_misfit(replicas[0], found)
        if misfit is None:
            return replicas
        if desk.refuse([misfit.translation], misfit.reason):
            continue
        bundle = misfit.translation.bundle
        if tell is None:
            raise ConversionError(f"{bundle.path}: {misfit.reason}")
        tell(bundle, misfit.reason)
        return replicas


class _Misfit(NamedTuple):
    """A translation that does not answer as TensorFlow did."""

    translation: Translation
    reason: str


def _find_misfit(replica: LoadedReplica, translations: Sequence[Translation]) -> _Misfit | None:
    for model, translation in zip(replica, translations, strict=True):
        try:
            difference = translation.difference(model)
        except BatchTooLargeError as error:
            raise HinderedError(str(error)) from None
        except (ModelError, DamagedError) as error:
            return _Misfit(translation, str(error))
        if difference > engine_trial.TOLERANCE:
            return _Misfit(translation, f"its answers differ from TensorFlow's by {difference:.2g}")
    return None
