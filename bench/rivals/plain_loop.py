"""One message at a time: receive, download, decode, model, write, delete.

    python -m bench.rivals.plain_loop PREFIX QUEUE_URL predict|frozen

`predict` is the loop that people write first: full decode and `model.predict`. `frozen` uses the
worker's own decoding, model and engine, so that only the pipeline differs. Runs until SIGTERM.
"""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from bench.processes import READY
from bench.rivals.photo_task import Frozen, Photos, Results, photos_of, round_score
from worker.settings.cores import cores

SIDE = 224  # pixels; the reference model's input


def main() -> None:
    """Score photos as they come."""
    prefix, queue_url, mode = sys.argv[1:]
    sqs: Any = boto3.client("sqs")
    photos, results = Photos(), Results(prefix)
    score = _with_predict() if mode == "predict" else _with_frozen_graph()
    print(READY, flush=True)
    while True:
        for message in sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=5).get("Messages", []):
            for bucket, key in photos_of(message["Body"]):
                results.write(key, score(photos.read(bucket, key)))
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


def _with_predict() -> Callable[[bytes], int]:
    from worker.adapters.quiet_import import mute_startup_output

    with mute_startup_output():
        import keras

    folder = str(Path(os.environ["WORKER_MODEL"]) / "1")
    images = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    model = keras.Model(images, keras.layers.TFSMLayer(folder, call_endpoint="serving_default")(images))
    model.predict(np.zeros((1, SIDE, SIDE, 3), np.uint8), verbose=0)
    return lambda data: round_score(
        model.predict(_decode_in_full(data)[np.newaxis], verbose=0)["score_probs"][0]
    )


def _decode_in_full(data: bytes) -> npt.NDArray[np.uint8]:
    """Decode in full, turn, and crop to the model's square."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    return np.asarray(ImageOps.fit(image, (SIDE, SIDE), Image.Resampling.LANCZOS))


def _with_frozen_graph() -> Callable[[bytes], int]:
    frozen = Frozen(threads=cores())
    return lambda data: frozen.scores(frozen.prepare(data)[np.newaxis])[0]


if __name__ == "__main__":
    main()
