"""Finds what one load of models needs: translations, frozen graphs, a verdict; has made what is missing."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

from worker.errors import ConfigurationError, ConversionError
from worker.inference.bundle import TRANSLATION, Bundle
from worker.inference.runtimes import Checkpoint, Engines, FrozenGraph, Graphs, TensorFlow
from worker.inference.translations import entries
from worker.inference.translations.cache import Cache
from worker.inference.translations.entries import DamagedError, Entry
from worker.inference.translations.job import Answer, Job, ModelJob, Race
from worker.inference.translations.machine import cpu_features
from worker.inference.translations.translation import GRAPH, Translation, make_key

TRANSLATIONS, GRAPHS, VERDICTS = "translations", "graphs", "verdicts"  # kinds of entries
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

    def verdict(self, conditions: Mapping[str, Any]) -> dict[str, Any] | None:
        """Result of the race that was held before between the same models, under these conditions."""
        found = self._cache.find(VERDICTS, self._names(), self._verdict_key(conditions))
        return None if found is None else {name: found.about[name] for name in found.about if name != "key"}

    def keep_verdict(self, conditions: Mapping[str, Any], verdict: Mapping[str, Any]) -> None:
        """Keep the result of a race."""
        try:
            place = self._place()
            sealed = entries.seal(place, {**verdict, "key": self._verdict_key(conditions)})
        except OSError as error:
            self._cache.tell_not_kept(self._cache.folder, error)
        else:
            self._cache.keep(VERDICTS, self._names(), sealed)

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
        """Give each model's frozen graph, frozen and kept now where there is none."""
        graphs = []
        for bundle in self._bundles:
            self._checkpoint()
            graphs.append(self._load_graph(bundle, tensorflow) or self._freeze(bundle, tensorflow))
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
        graph = self._find_graph(bundle) if found is None or freezes else None
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

    def _find_graph(self, bundle: Bundle) -> Entry | None:
        found = self._cache.find(GRAPHS, bundle.name, self._key(bundle))
        if found is not None:
            try:
                found.file(GRAPH)
            except DamagedError as error:
                self._cache.refuse(found.path, str(error))
                return None
        return found

    def _load_graph(self, bundle: Bundle, tensorflow: TensorFlow) -> FrozenGraph | None:
        if (found := self._find_graph(bundle)) is None:
            return None
        try:
            return tensorflow.load(bundle, found.path / GRAPH, found.about)
        except ConfigurationError as error:
            self._cache.refuse(found.path, str(error))
            return None

    def _freeze(self, bundle: Bundle, tensorflow: TensorFlow) -> FrozenGraph:
        graph = tensorflow.freeze(bundle)
        try:
            place = self._place()
            names = tensorflow.save(graph, place / GRAPH)
            self._cache.keep(GRAPHS, bundle.name, entries.seal(place, {**names, "key": self._key(bundle)}))
        except (OSError, ValueError) as error:  # no space; a graph larger than protobuf's 2 GB
            self._cache.tell_not_kept(self._cache.folder, error)
        return graph

    def _names(self) -> str:
        return "+".join(bundle.name for bundle in self._bundles)

    def _verdict_key(self, conditions: Mapping[str, Any]) -> str:
        keys = [self._key(bundle) for bundle in self._bundles]
        versions = [self._engines.tensorflow_version, dict(self._engines.runners)]
        facts = json.dumps([keys, versions, cpu_features(), conditions], sort_keys=True)
        return hashlib.sha256(facts.encode()).hexdigest()[:32]
