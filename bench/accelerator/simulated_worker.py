"""The worker itself, but its model is a simulated accelerator."""

from collections.abc import Sequence
from unittest import mock

from bench.accelerator.device import SimulatedDevice
from worker import cli
from worker.inference.bundle import Bundle
from worker.settings import Settings

PROGRAM = f"import sys; from {__name__} import main; sys.exit(main())"


class Loader:
    """In the place of the model loader: one replica, for which nothing is loaded."""

    def __init__(self, settings: Settings, *_: object, **__: object) -> None:
        self._largest = settings.batch_size

    def load(self, bundles: Sequence[Bundle], *_: object) -> Sequence[Sequence[SimulatedDevice]]:
        """Simulate the first model."""
        return [(SimulatedDevice(bundles[0], self._largest),)]


def main() -> int:
    """Run the worker."""
    with mock.patch("worker.app.ModelLoader", Loader):  # as much of it as a start needs
        return cli.main(["run"])
