"""Finds a model's translation: in its own folder, where it travels with it, then in the cache."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from worker.inference.bundle import TRANSLATION, Bundle
from worker.inference.runtimes import Engines
from worker.inference.translations import entries
from worker.inference.translations.cache import TRANSLATIONS, Cache
from worker.inference.translations.entries import DamagedError, Entry
from worker.inference.translations.translation import Translation, make_key


@dataclass(eq=False)
class Finder:
    """Finds whole translations only, and none that was refused."""

    cache: Cache
    engines: Engines
    _refused: set[Path] = field(default_factory=set, init=False)  # not all can be removed

    def find(self, bundle: Bundle) -> Translation | None:
        """A bundle's translation, if there is one."""
        return self._find_in_bundle(bundle) or self._find_in_cache(bundle)

    def refuse(self, path: Path, reason: str) -> None:
        """Say that a translation is of no use, and do not find it again."""
        self._refused.add(path)
        self.cache.refuse(path, reason)

    def key(self, bundle: Bundle, made_by: str = "") -> str:
        """Key of a bundle's translation; without TensorFlow, of one by that version of it."""
        return make_key(bundle.digest, self.engines.tensorflow_version or made_by)

    def _find_in_bundle(self, bundle: Bundle) -> Translation | None:
        path = bundle.path / TRANSLATION
        # Without TensorFlow, what any version of it has made will do.
        return self._check(
            bundle,
            path,
            lambda: entries.read(path, lambda about: self.key(bundle, str(about.get("tensorflow")))),
        )

    def _find_in_cache(self, bundle: Bundle) -> Translation | None:
        place = TRANSLATIONS, bundle.name, self.key(bundle)
        return self._check(bundle, self.cache.place(*place), lambda: self.cache.find(*place))

    def _check(self, bundle: Bundle, path: Path, read: Callable[[], Entry | None]) -> Translation | None:
        if path in self._refused:
            return None
        try:
            if (entry := read()) is None:
                return None
            found = Translation(bundle, entry)
            found.check(self.engines.runners["litert"])
        except DamagedError as error:
            self.refuse(path, str(error))
            return None
        return found
