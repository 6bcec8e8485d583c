"""Keeps the results of races, under all that they depend on."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from worker.inference.bundle import Bundle
from worker.inference.runtimes import Engines
from worker.inference.translations import entries
from worker.inference.translations.cache import VERDICTS, Cache
from worker.inference.translations.job import Race, Rates
from worker.inference.translations.machine import cpu_features


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Of races between these models."""

    bundles: Sequence[Bundle]
    cache: Cache
    engines: Engines

    def find(self, race: Race) -> Rates | None:
        """Result of the same race, held before."""
        found = self.cache.find(VERDICTS, self._names, self._key(race))
        if found is None:
            return None
        try:
            return Rates.model_validate(found.about.get("rates"))
        except ValidationError:
            self.cache.refuse(found.path, "it is not the result of a race")
            return None

    def keep(self, race: Race, rates: Rates) -> None:
        """Keep the result of a race in the place of an earlier one, if there is space."""
        try:
            with self.cache.workplace() as workplace:
                place = workplace / VERDICTS
                place.mkdir()
                sealed = entries.seal(place, {"rates": rates.model_dump(), "key": self._key(race)})
                self.cache.keep(VERDICTS, self._names, sealed, replaces=True)
        except OSError as error:
            self.cache.tell_not_kept(error)

    @property
    def _names(self) -> str:
        return "+".join(bundle.name for bundle in self.bundles)

    def _key(self, race: Race) -> str:
        digests = [bundle.digest for bundle in self.bundles]
        versions = [self.engines.tensorflow_version, dict(self.engines.runners)]
        facts = json.dumps([digests, versions, cpu_features(), race.model_dump()], sort_keys=True)
        return hashlib.sha256(facts.encode()).hexdigest()[:32]
