"""TensorFlow and LiteRT as the model loader uses them; see worker/inference/runtimes.py."""

from collections.abc import Callable, Sequence

from worker.adapters.tensorflow import frozen_graph
from worker.adapters.tensorflow.frozen_model import FrozenModel
from worker.adapters.tensorflow.litert_model import InterpretedModel, convert
from worker.adapters.tensorflow.quiet_import import mute_startup_output
from worker.errors import ConfigurationError
from worker.inference.free_memory import trim_memory
from worker.inference.runtimes import Checkpoint, Graphs, Precision

with mute_startup_output():
    import tensorflow as tf

    DEVICES = [device.name for device in tf.config.list_physical_devices()]
    GPUS = [device.name for device in tf.config.list_physical_devices("GPU")]


class TensorFlow:
    """TensorFlow itself, of which a process has only one."""

    devices: Sequence[str] = DEVICES
    gpus: Sequence[str] = GPUS
    freeze = staticmethod(frozen_graph.freeze)

    def configure(self, threads: int, callers: int, precision: Precision) -> None:
        """Set threads, precision and memory growth; only the first call in a process counts."""
        if precision == "mixed":
            if not self.gpus:
                raise ConfigurationError("WORKER_PRECISION=mixed needs a GPU, and TensorFlow sees none here")
            # Grappler rewrites a graph when a device first runs it; what needs float32 keeps it.
            tf.config.optimizer.set_experimental_options({"auto_mixed_precision": True})
        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            # With fewer, calls wait for one another.
            tf.config.threading.set_inter_op_parallelism_threads(callers)
            for device in tf.config.list_physical_devices("GPU"):
                tf.config.experimental.set_memory_growth(device, True)
        except RuntimeError:
            pass  # already in use

    def replicas(
        self, graphs: Graphs, count: int, sizes: Sequence[int], count_padding: Callable[[int], None]
    ) -> Sequence[tuple[FrozenModel, ...]]:
        """Build models on the first `count` devices, which further replicas share in turn."""
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        on_devices = [
            tuple(FrozenModel(graph, sizes, count_padding, device.name) for graph in graphs)
            for device in devices[:count]
        ]
        return [on_devices[number % len(on_devices)] for number in range(count)]


class LiteRT:
    """TensorFlow's own runtime for CPUs."""

    def replicas(
        self, graphs: Graphs, count: int, largest_batch: int, threads: int, checkpoint: Checkpoint
    ) -> Sequence[tuple[InterpretedModel, ...]]:
        """Convert each graph once, then build an interpreter of it for each replica."""
        converted = []
        for graph in graphs:
            checkpoint()
            converted.append((graph.bundle, convert(graph)))
        trim_memory()
        return [
            tuple(InterpretedModel(bundle, flat, largest_batch, threads) for bundle, flat in converted)
            for _ in range(count)
        ]
