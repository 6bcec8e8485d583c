"""Keeps the frozen graphs that TensorFlow runs, so that a start need not freeze them again."""

from dataclasses import dataclass

from worker.errors import ConfigurationError
from worker.inference.bundle import Bundle
from worker.inference.runtimes import FrozenGraph, TensorFlow
from worker.inference.translations import entries
from worker.inference.translations.cache import GRAPHS, Cache
from worker.inference.translations.entries import DamagedError, Entry
from worker.inference.translations.translation import GRAPH, make_key


@dataclass(frozen=True, slots=True)
class KeptGraphs:
    """Of one version of TensorFlow."""

    cache: Cache
    tensorflow_version: str

    def find(self, bundle: Bundle) -> Entry | None:
        """Find a bundle's graph, undamaged."""
        found = self.cache.find(GRAPHS, bundle.name, self._key(bundle))
        if found is not None:
            try:
                found.file(GRAPH)
            except DamagedError as error:
                self.cache.refuse(found.path, str(error))
                return None
        return found

    def load(self, bundle: Bundle, tensorflow: TensorFlow) -> FrozenGraph:
        """Load a bundle's graph; freeze and keep it where there is none. Raises ConfigurationError."""
        if (found := self.find(bundle)) is not None:
            try:
                return tensorflow.load(bundle, found.path / GRAPH, found.about)
            except ConfigurationError as error:
                self.cache.refuse(found.path, str(error))
        graph = tensorflow.freeze(bundle)
        self._keep(graph, tensorflow)
        return graph

    def _keep(self, graph: FrozenGraph, tensorflow: TensorFlow) -> None:
        try:
            with self.cache.workplace() as workplace:
                place = workplace / GRAPHS
                place.mkdir()
                names = tensorflow.save(graph, place / GRAPH)
                sealed = entries.seal(place, {**names, "key": self._key(graph.bundle)})
                self.cache.keep(GRAPHS, graph.bundle.name, sealed)
        except (OSError, ValueError) as error:  # no space; a graph larger than protobuf's 2 GB
            self.cache.tell_not_kept(error)

    def _key(self, bundle: Bundle) -> str:
        return make_key(bundle.digest, self.tensorflow_version)
