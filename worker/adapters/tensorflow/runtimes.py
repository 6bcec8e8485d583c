"""TensorFlow as the model loader uses it; see worker/inference/runtimes.py."""

from collections.abc import Callable, Sequence

from worker.adapters.quiet_import import mute_startup_output
from worker.adapters.tensorflow import frozen_graph
from worker.adapters.tensorflow.frozen_model import FrozenModel
from worker.errors import ConfigurationError
from worker.inference.runtimes import Graphs, Precision

with mute_startup_output():
    import tensorflow as tf

    DEVICES = [device.name for device in tf.config.list_physical_devices()]
    GPUS = [device.name for device in tf.config.list_physical_devices("GPU")]


class TensorFlow:
    """TensorFlow itself, of which a process has only one."""

    devices: Sequence[str] = DEVICES
    gpus: Sequence[str] = GPUS
    freeze = staticmethod(frozen_graph.freeze)
    save = staticmethod(frozen_graph.save)
    load = staticmethod(frozen_graph.load)

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
