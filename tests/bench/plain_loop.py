"""The loop as people write it: one message at a time, full decode, `model.predict`, write, delete.

    python -m tests.bench.plain_loop QUEUE_URL MODEL_FOLDER COUNT

Prints "ready" once the model has run once, then the seconds that COUNT photos took.
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

from worker.adapters.quiet import start_up_chatter_muted

with start_up_chatter_muted():
    import keras


def main() -> None:
    """Score COUNT photos."""
    queue_url, folder, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    s3: Any = boto3.client("s3")
    sqs: Any = boto3.client("sqs")
    store: Any = redis.Redis.from_url(os.environ["WORKER_REDIS_URL"])
    images = keras.Input((224, 224, 3), dtype="uint8")
    model = keras.Model(images, keras.layers.TFSMLayer(folder, call_endpoint="serving_default")(images))
    model.predict(np.zeros((1, 224, 224, 3), np.uint8), verbose=0)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    begun, done = time.monotonic(), 0
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
    sys.stdout.write(f"{time.monotonic() - begun}\n")


def prepared(body: bytes) -> np.ndarray:
    """Decode in full, turn, cut to the model's square."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(body))).convert("RGB")
    return np.asarray(ImageOps.fit(image, (224, 224), Image.Resampling.LANCZOS))


if __name__ == "__main__":
    main()
