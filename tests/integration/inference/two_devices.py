"""Run in a process of its own: one replica on each of two logical devices. Prints what it found as JSON.

    python -m tests.integration.two_devices BUNDLE

BUNDLE is one of tests/support/faults/models.py's Hangs: it never comes back from a white photo.
"""

import json
import os
import sys
import threading

import numpy as np
import tensorflow as tf

from tests.support.models import SIDE
from worker.adapters.tensorflow.frozen_model import FrozenModel
from worker.inference import bundle, model_loader
from worker.settings import Settings
from worker.telemetry.counters import Telemetry


def main() -> None:
    """Ask both replicas, then the second one while the first one is stuck."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    required = {"queue_url": "https://sqs/queue", "buckets": "photos", "redis_url": "redis://here"}
    settings = Settings.model_validate({**required, "replicas": 2, "batch_size": 4})
    found = bundle.read(sys.argv[1])
    (first,), (second,) = model_loader.load([found], settings, Telemetry(), cores=2)
    dark, white = np.zeros((3, SIDE, SIDE, 3), np.uint8), np.full((1, SIDE, SIDE, 3), 255, np.uint8)
    answers = [model.predict(dark)["score"].tolist() for model in (first, second)]
    places = [model._run(dark)[0].device for model in (first, second) if isinstance(model, FrozenModel)]
    stuck = threading.Thread(target=first.predict, args=(white,), daemon=True)
    stuck.start()
    meanwhile = second.predict(dark)["score"].tolist()
    found_out = {"answers": [*answers, meanwhile], "places": places, "stuck": stuck.is_alive()}
    sys.stdout.write(json.dumps(found_out) + "\n")
    sys.stdout.flush()
    os._exit(0)  # the stuck thread would never let it end


if __name__ == "__main__":
    main()
