"""Real workers and the process that has TensorFlow: which of them imports it, and how that process ends."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from localstack.services import free_port
from localstack.worker_process import WorkerProcess
from tests.support.models import Compares, Halves, RefusesRed, save_bundle
from tests.support.waiting import eventually
from worker.adapters.tensorflow import translator_process
from worker.inference.delivery.workplace import PREFIX
from worker.inference.translations.cache import FOLDER, TRANSLATIONS
from worker.inference.translations.job import Answer, Job

# Stands in for an image without TensorFlow: nobody finds it.
WITHOUT_TENSORFLOW = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
from worker import cli
sys.exit(cli.main(ARGUMENTS))
"""


class Host:
    """A machine on which workers start that take photos by HTTP alone, so that they need no service."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.workers: list[WorkerProcess] = []

    def worker(self, model: Path, *arguments: str, program: str = "", **settings: str) -> WorkerProcess:
        number = len(self.workers)
        environment = {
            "PATH": os.environ["PATH"],
            "WORKER_MODEL": str(model),
            "WORKER_MODEL_CACHE": str(self.cache),
            "WORKER_DOOR_PORT": str(free_port()),
            "WORKER_BATCH_SIZE": "4",
            "TMPDIR": str(self.temporary),
            **settings,
        }
        log = self.folder / f"worker-{number}.log"
        worker = WorkerProcess(log, *arguments, environment=environment, program=program)
        self.workers.append(worker)
        return worker

    def polling(self, model: Path, **settings: str) -> WorkerProcess:
        worker = self.worker(model, **settings)
        worker.wait_for("polling")
        return worker

    def left(self) -> list[str]:
        """Temporary files and folders, in the cache and elsewhere."""
        return [path.name for path in (*(self.cache / FOLDER).glob(".*"), *self.temporary.iterdir())]


def translator(worker: WorkerProcess) -> psutil.Process:
    """Wait for the process that has TensorFlow."""
    found: list[psutil.Process] = []

    def is_there() -> bool:
        children = psutil.Process(worker.pid).children()
        found[:] = [child for child in children if "worker.adapters.tensorflow.translator" in child.cmdline()]
        return bool(found) and has_tensorflow(found[0].pid)

    eventually(is_there, worker.tail)
    return found[0]


def has_loaded(pid: int, package: str) -> bool:
    """Whether a process has loaded a package's libraries."""
    return f"/{package}/" in Path(f"/proc/{pid}/maps").read_text()


def has_tensorflow(pid: int) -> bool:
    return has_loaded(pid, "tensorflow")


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    for worker in host.workers:
        worker.stop()


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    return save_bundle(Halves(), tmp_path / "halves" / "1", name="halves")


def test_a_worker_on_litert_never_imports_tensorflow_and_its_second_start_needs_no_other_process(
    host: Host, halves: Path
) -> None:
    first = host.worker(halves)
    child = translator(first)
    first.wait_for("polling")
    assert is_gone(child)
    (chosen,) = first.events("engine_chosen")
    first.stop()
    second = host.polling(halves)
    (kept,) = second.events("engine_chosen")
    assert (kept["kept"], kept["engine"]) == (True, chosen["engine"])
    for worker in (first, second):
        (polling,) = worker.events("polling")
        assert set(polling["parts"]) == {"imports", "connect", "models", "warm_up", "decoders"}
        assert 0 < max(polling["parts"].values()) <= polling["seconds"]
    assert has_tensorflow(second.pid) == (kept["engine"] == "tensorflow")
    assert host.left() == []


def test_litert_runs_what_it_can_and_tensorflow_the_rest(host: Host, halves: Path, tmp_path: Path) -> None:
    refuses = save_bundle(RefusesRed(), tmp_path / "refuses" / "1", name="refuses")
    on_litert = host.polling(halves, WORKER_ENGINE="litert")
    assert not has_tensorflow(on_litert.pid)
    on_tensorflow = host.polling(refuses)
    assert has_tensorflow(on_tensorflow.pid)
    (chosen,) = on_tensorflow.events("engine_chosen")
    assert "side effects (Assert)" in chosen["reason"]


def test_a_worker_on_openvino_imports_no_other_engine(host: Host, halves: Path) -> None:
    host.polling(halves, WORKER_ENGINE="litert").stop()  # keeps the translation
    worker = host.polling(halves, WORKER_ENGINE="openvino")
    (chosen,) = worker.events("engine_chosen")
    assert chosen["engine"] == "openvino"
    loaded = [name for name in ("tensorflow", "ai_edge_litert", "openvino") if has_loaded(worker.pid, name)]
    assert loaded == ["openvino"]


def test_two_workers_that_start_at_once_on_an_empty_cache_keep_one_entry(host: Host, halves: Path) -> None:
    workers = [host.worker(halves, WORKER_ENGINE="litert") for _ in range(2)]
    for worker in workers:
        worker.wait_for("polling")
        assert not worker.events("translation_refused") + worker.events("translation_not_kept")
    assert len(list((host.cache / FOLDER / TRANSLATIONS / "halves").iterdir())) == 1
    assert host.left() == []


def test_a_state_file_that_cannot_be_written_any_more_does_not_end_a_start(host: Host, halves: Path) -> None:
    folder = host.folder / "state"
    folder.mkdir()
    worker = host.worker(halves, WORKER_ENGINE="litert", WORKER_STATE_FILE=str(folder / "state"))
    translator(worker)
    shutil.rmtree(folder)  # stands in for a disk that is full by now
    worker.wait_for("polling")
    assert worker.events("state_file_failed")


def test_the_process_that_has_tensorflow_needs_no_folder_for_temporary_files_but_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    assert translator_process.work(Job(models=(), place=tmp_path), lambda: None) == Answer()


def test_if_the_process_that_has_tensorflow_is_killed_the_worker_says_so_in_one_line(
    host: Host, halves: Path
) -> None:
    worker = host.worker(halves)
    translator(worker).kill()
    assert worker.wait() == 2
    (line,) = [line for line in worker.output().splitlines() if not line.startswith("{")]
    assert "halves/1: the process that has TensorFlow was killed: is there enough memory?" in line
    assert host.left() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_both_and_leaves_nothing(host: Host, halves: Path, number: signal.Signals) -> None:
    worker = host.worker(halves)
    child = translator(worker)
    os.killpg(worker.pid, number)  # as Ctrl-C at a terminal does: to the whole group
    assert worker.wait() == 0
    assert is_gone(child)
    assert all(line.startswith("{") for line in worker.output().splitlines()), worker.tail()
    assert host.left() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_of_a_command_ends_both_and_leaves_the_model_as_it_was(
    host: Host, halves: Path, number: signal.Signals
) -> None:
    before = sorted(halves.rglob("*"))
    command = host.worker(halves, "translate-model", str(halves))
    child = translator(command)
    os.killpg(command.pid, number)
    assert command.wait() == 130
    assert "worker translate-model: stopped" in command.output().splitlines()
    assert is_gone(child)
    assert sorted(halves.rglob("*")) == before
    assert host.left() == []


def test_what_a_killed_command_has_left_is_removed_by_the_next_one(host: Host, halves: Path) -> None:
    command = host.worker(halves, "translate-model", str(halves))
    child = translator(command)
    command.kill()
    eventually(lambda: is_gone(child))
    (left,) = halves.glob(f"{PREFIX}*")
    os.utime(left, (0, 0))
    assert host.worker(halves, "translate-model", str(halves)).wait() == 0
    assert [path.name for path in halves.iterdir()] == ["1"]


def test_it_ends_with_a_worker_that_is_killed(host: Host, halves: Path) -> None:
    worker = host.worker(halves)
    child = translator(worker)
    worker.kill()
    eventually(lambda: is_gone(child))
    host.polling(halves, WORKER_ENGINE="litert")  # what was left behind harms nobody


def test_it_has_no_credentials(host: Host, halves: Path) -> None:
    worker = host.worker(halves, AWS_SECRET_ACCESS_KEY="secret", AWS_ACCESS_KEY_ID="key")
    names = set(translator(worker).environ())
    assert not {name for name in names if name.startswith(("AWS_", "WORKER_"))}


# without TensorFlow


def run_without(*arguments: str) -> str:
    return WITHOUT_TENSORFLOW.replace("ARGUMENTS", repr(list(arguments)))


def test_a_translated_model_runs_where_tensorflow_is_not_installed(host: Host, halves: Path) -> None:
    translating = host.worker(halves, "translate-model", str(halves))
    assert translating.wait() == 0, translating.tail()
    worker = host.worker(halves, program=run_without("run"))
    worker.wait_for("polling")
    (chosen,) = worker.events("engine_chosen")
    assert (chosen["engine"], chosen["reason"]) == ("litert", "TensorFlow is not installed")
    assert not host.cache.exists()


@pytest.mark.parametrize("command", ["run", "translate-model"])
def test_where_tensorflow_is_not_installed_a_model_without_translation_is_refused_in_one_line(
    host: Host, halves: Path, command: str
) -> None:
    arguments = ["run"] if command == "run" else [command, str(halves)]
    worker = host.worker(halves, program=run_without(*arguments))
    assert worker.wait() == 2
    (line,) = [line for line in worker.output().splitlines() if not line.startswith("{")]
    expected = "translate-model" if command == "run" else "TensorFlow is not installed"
    assert expected in line


def test_translating_says_what_litert_answers_otherwise(host: Host, tmp_path: Path) -> None:
    compares = save_bundle(Compares(), tmp_path / "compares" / "1", name="compares")
    worker = host.worker(compares, "translate-model", str(compares))
    assert worker.wait() == 1
    assert "LiteRT's answers differ from TensorFlow's" in worker.output()


def test_translating_says_what_litert_cannot_run(host: Host, tmp_path: Path) -> None:
    refuses = save_bundle(RefusesRed(), tmp_path / "refuses" / "1", name="refuses")
    worker = host.worker(refuses, "translate-model", str(refuses))
    assert worker.wait() == 1
    assert "side effects (Assert)" in worker.output()
