"""Flask with a lock, a rival of the door: what people write first when a model gets an HTTP server.

    python -m bench.rivals.flask_server PORT

One process with one model, because memory is dear; Gunicorn, which Flask's guide names first, with a
thread for each of the clients. They decode at the same time, with the worker's own decoding. The
model takes one photo at a time, on all cores, and a lock keeps the threads apart.
"""

import sys
import threading
from typing import Any

import numpy as np
from flask import Flask, request
from gunicorn.app.base import BaseApplication

from bench.rivals.photo_task import Frozen
from worker.settings.cores import cores

CORES = cores()
CLIENTS = 64  # the most at once
OPTIONS = {
    "workers": 1,
    "worker_class": "gthread",
    "threads": CLIENTS,
    "keepalive": 75,  # seconds
    "timeout": 0,  # the bench lets it stand still while others have their turn
    "loglevel": "warning",
}


def application() -> Flask:
    """Load the model, and make the application."""
    frozen, lock, app = Frozen(threads=CORES), threading.Lock(), Flask("rival")

    @app.post("/score")
    def score() -> dict[str, int]:
        pixels = frozen.prepare(request.get_data())
        with lock:
            return {"score": frozen.scores(pixels[np.newaxis])[0]}

    return app


class Served(BaseApplication):  # type: ignore[misc] # Gunicorn is not installed where types are checked
    """Gunicorn, configured by code, as its guide describes."""

    def load_config(self) -> None:
        """Set what is not the default."""
        for name, value in {**OPTIONS, "bind": f"127.0.0.1:{sys.argv[1]}"}.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Make the application, in the process that serves it: TensorFlow must not be forked."""
        return application()


if __name__ == "__main__":
    Served().run()
