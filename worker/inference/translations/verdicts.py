"""Keeps the results of races, under all that they depend on."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from worker.inference.bundle import Bundle
from worker.inference.runtimes import Engines
from worker.inference.translations import entries
from worker.inference.translations.cache import VERDICTS, Cache
from worker.inference.translations.machine import cpu_features


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Of races between these models."""

    bundles: Sequence[Bundle]
    cache: Cache
    engines: Engines

    def find(self, conditions: Mapping[str, Any]) -> dict[str, Any] | None:
        """Result of the race that was held before under these conditions."""
        found = self.cache.find(VERDICTS, self._names, self._key(conditions))
        return None if found is None else {name: found.about[name] for name in found.about if name != "key"}

    def keep(self, conditions: Mapping[str, Any], verdict: Mapping[str, Any]) -> None:
        """Keep the result of a race, if there is space."""
        try:
            with self.cache.workplace() as workplace:
                place = workplace / VERDICTS
                place.mkdir()
                sealed = entries.seal(place, {**verdict, "key": self._key(conditions)})
                self.cache.keep(VERDICTS, self._names, sealed)
        except OSError as error:
            self.cache.tell_not_kept(error)

    @property
    def _names(self) -> str:
        return "+".join(bundle.name for bundle in self.bundles)

    def _key(self, conditions: Mapping[str, Any]) -> str:
        digests = [bundle.digest for bundle in self.bundles]
        versions = [self.engines.tensorflow_version, dict(self.engines.runners)]
        facts = json.dumps([digests, versions, cpu_features(), conditions], sort_keys=True)
        return hashlib.sha256(facts.encode()).hexdigest()[:32]
