"""Shows the logs of the workers at the terminal."""

import _thread
import threading
import time

from rich.console import Console
from rich.text import Text

from localstack.worker_process import WorkerProcess


class WorkerLog:
    """Prints the log of each worker as it grows, until that worker has ended."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._readers = list[threading.Thread]()

    def show(self, worker: WorkerProcess) -> None:
        """Print a worker's log from now on."""
        reader = threading.Thread(target=self._print, args=(worker,), name="worker-log", daemon=True)
        reader.start()
        self._readers.append(reader)

    def end(self) -> None:
        """Print what is left, once the workers have ended."""
        for reader in self._readers:
            reader.join(1)

    def _print(self, worker: WorkerProcess) -> None:
        with worker.log.open(errors="replace") as lines:
            has_ended = False
            while not has_ended:
                has_ended = worker.has_ended()  # asked before reading: nothing is written after the end
                for line in lines:
                    self._show(Text.assemble(("worker │ ", "dim"), line.rstrip()))  # not read as markup
                time.sleep(0.1)

    def _show(self, line: Text) -> None:
        try:
            self._console.print(line, soft_wrap=True)
        except SystemExit:  # rich's answer to a closed pipe, as of `make run | head`
            _thread.interrupt_main()  # nobody reads any more
            raise
