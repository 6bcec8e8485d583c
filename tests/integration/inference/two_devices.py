"""Runs one replica on each of two logical devices, in a process of its own, and prints JSON.

    python -m tests.integration.inference.two_devices BUNDLE

BUNDLE holds `Hangs` of tests/support/faults/models.py, which never returns from a white photo.
"""

import json
import os
import sys
import threading

import numpy as np
import tensorflow as tf

from tests.support.models import SIDE
from worker.adapters.engines import Engines
from worker.adapters.tensorflow.frozen_model import FrozenModel
from worker.inference import bundle
from worker.inference.model_loader import ModelLoader
from worker.settings import Settings
from worker.telemetry.counters import Telemetry


def main() -> None:
    """Ask both replicas, then the second one while the first one is stuck."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    required = {"queue_url": "https://sqs/queue", "buckets": "photos", "redis_url": "redis://here"}
    settings = Settings.model_validate({**required, "replicas": 2, "batch_size": 4})
    found = bundle.read(sys.argv[1])
    loader = ModelLoader(settings, Telemetry(), Engines(), cores=2)
    (first,), (second,) = loader.load([found])
    dark, white = np.zeros((3, SIDE, SIDE, 3), np.uint8), np.full((1, SIDE, SIDE, 3), 255, np.uint8)
    answers = [model.predict(dark)["score"].tolist() for model in (first, second)]
    places = [model._run(dark)[0].device for model in (first, second) if isinstance(model, FrozenModel)]
    stuck = threading.Thread(target=first.predict, args=(white,), daemon=True)
    stuck.start()
    meanwhile = second.predict(dark)["score"].tolist()
    found_out = {"answers": [*answers, meanwhile], "places": places, "stuck": stuck.is_alive()}
    sys.stdout.write(json.dumps(found_out) + "\n")
    sys.stdout.flush()
    os._exit(0)  # a normal exit would wait for the stuck thread


if __name__ == "__main__":
    main()
