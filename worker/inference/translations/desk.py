"""Finds the translations that one load of models needs, and has made what is missing."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from worker.errors import ConfigurationError, ConversionError
from worker.inference.bundle import TRANSLATION, Bundle
from worker.inference.runtimes import Checkpoint, Engines, Graphs, TensorFlow
from worker.inference.translations import entries
from worker.inference.translations.cache import GRAPHS, TRANSLATIONS, Cache
from worker.inference.translations.entries import DamagedError, Entry
from worker.inference.translations.job import Answer, Job, ModelJob, Race
from worker.inference.translations.kept_graphs import KeptGraphs
from worker.inference.translations.translation import Translation, make_key
from worker.inference.translations.verdicts import Verdicts

TROUBLE = "the model cannot be translated or tried now"


class Desk(AbstractContextManager["Desk"]):
    """For one load. What could not be kept is there until its end."""

    def __init__(
        self,
        bundles: Sequence[Bundle],
        cache: Cache,
        engines: Engines,
        checkpoint: Checkpoint,
        *,
        beside: bool = False,
    ) -> None:
        """`beside`: a worker serves meanwhile, and its threads come first."""
        self._bundles = bundles
        self._cache = cache
        self._engines = engines
        self._checkpoint = checkpoint
        self._beside = beside
        self.verdicts = Verdicts(bundles, cache, engines)
        self._graphs = KeptGraphs(cache, engines.tensorflow_version or "")
        self._refused: set[Path] = set()
        self._made_now: set[str] = set()  # keys
        self._stack = ExitStack()
        self._found = [self._find(bundle) for bundle in bundles]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def translations(self) -> list[Translation]:
        """Give each model's translation, made now where there is none.

        Raises ConversionError if LiteRT cannot run one of them, ConfigurationError if none can be
        made.
        """
        if None in self._found:
            self.make()
        self.check_convertible()
        return [one for one in self._found if one]

    def check_convertible(self) -> None:
        """Raise ConversionError if it is known that LiteRT cannot run one of the models."""
        for one in self._found:
            if one and one.reason:
                raise ConversionError(one.reason)

    def refuse(self, translations: Sequence[Translation], reason: str) -> bool:
        """Do not give these again. Whether there may be others: those that were made now are the last."""
        others = [one for one in translations if one.entry.key not in self._made_now]
        if self._engines.tensorflow_version is None or not others:
            return False
        for one in others:
            self._drop(one.entry.path, reason)
        self._found = [
            found and self._find(found.bundle) if found in others else found for found in self._found
        ]
        return True

    def make(self, race: Race | None = None) -> Answer:
        """Have the missing translations made, and the engines raced, by the process that has TensorFlow.

        Raises ConfigurationError, and ConversionError if there is no disk or memory for it now.
        """
        if self._engines.tensorflow_version is None:
            self._refuse_to_make()
        try:
            place = self._place()
        except OSError as error:
            raise ConversionError(f"{TROUBLE}: {error}") from None
        jobs = [
            self._job(bundle, found, place / str(number), freezes=race is not None)
            for number, (bundle, found) in enumerate(zip(self._bundles, self._found, strict=True))
        ]
        wanted = [job for job in jobs if race or job.translate_into]
        job = Job(models=tuple(wanted), place=place, race=race, beside=self._beside)
        answer = self._engines.work(job, self._checkpoint)
        if answer.error is not None:
            raise ConfigurationError(answer.error)
        if answer.hindered is not None:
            raise ConversionError(f"{TROUBLE}: {answer.hindered}")
        self._found = [
            found or self._take(bundle, job)
            for bundle, found, job in zip(self._bundles, self._found, jobs, strict=True)
        ]
        return answer

    def graphs(self, tensorflow: TensorFlow) -> Graphs:
        """Give each model's frozen graph, frozen and kept now where there is none. Raises ConfigurationError."""
        graphs = []
        for bundle in self._bundles:
            self._checkpoint()
            graphs.append(self._graphs.load(bundle, tensorflow))
        return graphs

    def _find(self, bundle: Bundle) -> Translation | None:
        """Look in the bundle, then in the cache."""
        for look in (self._find_in_bundle, self._find_in_cache):
            entry = look(bundle)
            if entry and entry.path not in self._refused:
                found = Translation(bundle, entry)
                try:
                    found.check(self._engines.runners["litert"])
                except DamagedError as error:
                    self._drop(entry.path, str(error))
                else:
                    return found
        return None

    def _find_in_bundle(self, bundle: Bundle) -> Entry | None:
        path = bundle.path / TRANSLATION
        if path in self._refused:
            return None
        try:
            # Without TensorFlow, what any version of it has made will do.
            return entries.read(path, lambda about: self._key(bundle, str(about.get("tensorflow"))))
        except DamagedError as error:
            self._drop(path, str(error))
            return None

    def _find_in_cache(self, bundle: Bundle) -> Entry | None:
        return self._cache.find(TRANSLATIONS, bundle.name, self._key(bundle))

    def _drop(self, path: Path, reason: str) -> None:
        self._refused.add(path)
        self._cache.refuse(path, reason)

    def _key(self, bundle: Bundle, made_by: str = "") -> str:
        return make_key(bundle.digest, self._engines.tensorflow_version or made_by)

    def _refuse_to_make(self) -> NoReturn:
        missing = next(one.path for one, found in zip(self._bundles, self._found, strict=True) if not found)
        raise ConfigurationError(
            f"{missing} has no translation, and without TensorFlow none can be made here: run `python -m worker "
            f"translate-model {missing}`, or `publish-model`, where TensorFlow is installed"
        )

    def _place(self) -> Path:
        return self._stack.enter_context(self._cache.workplace())

    def _job(self, bundle: Bundle, found: Translation | None, place: Path, *, freezes: bool) -> ModelJob:
        graph = self._graphs.find(bundle) if found is None or freezes else None
        return ModelJob(
            bundle=bundle.path,
            key=self._key(bundle),
            translation=found.model if found and not found.reason else None,
            translate_into=None if found else place / TRANSLATIONS,
            graph=graph.path if graph else None,
            freeze_into=place / GRAPHS if freezes and graph is None else None,
        )

    def _take(self, bundle: Bundle, job: ModelJob) -> Translation:
        """Keep what was made."""
        if job.freeze_into and (graph := entries.read(job.freeze_into)):
            self._cache.keep(GRAPHS, bundle.name, graph)
        made = job.translate_into and entries.read(job.translate_into)
        if not made:
            raise ConfigurationError(f"{bundle.path}: its translation has gone while it was made")
        self._made_now.add(made.key)
        return Translation(bundle, self._cache.keep(TRANSLATIONS, bundle.name, made))
