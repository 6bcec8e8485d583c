"""Finds the translations that one load of models needs, and has made what is missing."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from worker.errors import ConfigurationError, ConversionError, HinderedError
from worker.inference.bundle import Bundle
from worker.inference.runtimes import Checkpoint, Engines, Graphs, TensorFlow
from worker.inference.translations import entries
from worker.inference.translations.cache import GRAPHS, TRANSLATIONS, Cache
from worker.inference.translations.finder import Finder
from worker.inference.translations.job import Answer, Job, ModelJob, Race, Rates
from worker.inference.translations.kept_graphs import KeptGraphs
from worker.inference.translations.translation import Translation
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
        self._finder = Finder(cache, engines)
        self._again: set[str] = set()  # keys of those that are made anew
        self._made_now: set[str] = set()  # keys
        self._stack = ExitStack()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @cached_property
    def _found(self) -> list[Translation | None]:
        """Of each model, where there is one. A load for TensorFlow alone looks for none."""
        return [self._finder.find(bundle) for bundle in self._bundles]

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
        """Do not give these again. Whether others can be made, as happens once: what is made twice is the same."""
        others = [one for one in translations if one.entry.key not in self._made_now and not one.made_again]
        if self._engines.tensorflow_version is None or not others:
            return False
        for one in others:
            self._finder.refuse(one.entry.path, reason)
            self._again.add(one.entry.key)
        self._found = [
            found and self._finder.find(found.bundle) if found in others else found for found in self._found
        ]
        return True

    def hold(self, race: Race) -> Rates:
        """Hold a race, and keep its result. Raises as `make` and `translations` do."""
        rates = self.make(race).rates
        self.check_convertible()
        self.verdicts.keep(race, rates)
        return rates

    def make(self, race: Race | None = None) -> Answer:
        """Have the missing translations made, and the engines raced, by the process that has TensorFlow.

        Raises ConfigurationError, and HinderedError if there is no disk or memory for it now.
        """
        if self._engines.tensorflow_version is None:
            self._refuse_to_make()
        try:
            place = self._place()
        except OSError as error:
            raise HinderedError(f"{TROUBLE}: {error}") from None
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
            raise HinderedError(f"{TROUBLE}: {answer.hindered}")
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
        key = self._finder.key(bundle)
        return ModelJob(
            bundle=bundle.path,
            key=key,
            translation=found.model if found and not found.reason else None,
            translate_into=None if found else place / TRANSLATIONS,
            graph=graph.path if graph else None,
            freeze_into=place / GRAPHS if freezes and graph is None else None,
            again=key in self._again,
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
