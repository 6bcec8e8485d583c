"""The loop as people write it: one message at a time, full decode, `model.predict`, write, delete.

    python -m tests.bench.plain_loop QUEUE_URL MODEL_VERSION_FOLDER COUNT

Prints JSON: photos/s and CPU milliseconds per photo over COUNT photos, from the first receive on; the model has run
once before. The scores go to `plain:{image_id}`.
"""

import io
import json
import os
import sys
import time
from typing import Any
from urllib.parse import unquote_plus

import boto3
import numpy as np
import redis
from PIL import Image, ImageOps

from tests.bench.processes import peak_memory_mb
from worker.adapters.quiet import start_up_chatter_muted

with start_up_chatter_muted():
    import keras

SIDE = 224  # pixels; the reference model's input


def main() -> None:
    """Score COUNT photos."""
    queue_url, folder, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    s3: Any = boto3.client("s3")
    sqs: Any = boto3.client("sqs")
    store: Any = redis.Redis.from_url(os.environ["WORKER_REDIS_URL"])
    images = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    model = keras.Model(images, keras.layers.TFSMLayer(folder, call_endpoint="serving_default")(images))
    model.predict(np.zeros((1, SIDE, SIDE, 3), np.uint8), verbose=0)
    begun, cpu, done = time.monotonic(), time.process_time(), 0
    while done < count:
        for message in sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=1).get("Messages", []):
            for record in json.loads(message["Body"]).get("Records", []):
                key = unquote_plus(record["s3"]["object"]["key"])
                body = s3.get_object(Bucket=record["s3"]["bucket"]["name"], Key=key)["Body"].read()
                probabilities = model.predict(prepared(body)[np.newaxis], verbose=0)["score_probs"][0]
                score = int(probabilities @ np.arange(1, 6) + 0.5)
                store.set(f"plain:{key.rsplit('/', 1)[-1].removesuffix('.jpg')}", score)
                done += 1
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    took, used = time.monotonic() - begun, time.process_time() - cpu
    print(
        json.dumps(
            {
                "plain_per_s": count / took,
                "plain_cpu_ms": used * 1000 / count,
                "plain_peak_memory_mb": peak_memory_mb(),
            }
        )
    )


def prepared(body: bytes) -> np.ndarray:
    """Decode in full, turn, cut to the model's square."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(body))).convert("RGB")
    return np.asarray(ImageOps.fit(image, (SIDE, SIDE), Image.Resampling.LANCZOS))


if __name__ == "__main__":
    main()
