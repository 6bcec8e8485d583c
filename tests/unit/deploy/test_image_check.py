"""The check of the image: what it reports about faulty images, without an engine."""

# ruff: noqa: S108 - the folders of a container

import io
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from deploy.image import checks, engine
from deploy.image.build import TARGETS, version
from deploy.image.container import Container
from deploy.image.engine import Engine, EngineError
from deploy.image.report import FailedError, Report
from deploy.image.standin import remove_documents
from tests.support.results import make_result

GOOD = {
    "uid": checks.USER,
    "command": ["python", "-m", "worker"],
    "catches": [2, 15],
    "capabilities": 0,
    "read_only": True,
    "folders": 3954,
    "writable": ["/tmp", "/tmp/models"],
    "decoders": 3,
    "missing": [],
    "tools": [],
    "modules": [],
}
CONFIG = {
    "User": str(checks.USER),
    "StopSignal": "SIGTERM",
    "Entrypoint": ["python", "-m", "worker"],
    "ExposedPorts": {"8080/tcp": {}},
    "Healthcheck": {"Test": ["CMD", "python", "-m", "worker", "health"]},
}


class FakeEngine(Engine):
    """An engine that knows some images, and what containers print."""

    def image(self, tag: str) -> dict[str, Any]:
        return {"Config": CONFIG, "Size": 1.3e9} | FACTS.get(tag, {})

    def run(
        self, *words: str, stdin: str | None = None, timeout: float = 0.0
    ) -> subprocess.CompletedProcess[str]:
        code, printed = next((said for known, said in SAID.items() if known in words), (0, ""))
        return subprocess.CompletedProcess(words, code, stdout="", stderr=printed)


FACTS: dict[str, dict[str, Any]] = {
    "root": {"Config": CONFIG | {"User": ""}},
    "shell": {"Config": CONFIG | {"Entrypoint": ["/bin/sh", "-c", "python -m worker"]}},
    "kill": {"Config": CONFIG | {"StopSignal": "SIGKILL"}},
    "no port": {"Config": {**CONFIG, "ExposedPorts": None}},
    "large": {"Size": 1.5e9},
    "slim": {"Size": 0.42e9},
    "podman": {"Config": {**CONFIG, "Healthcheck": None}, "Healthcheck": CONFIG["Healthcheck"]},
    "none": {"Config": {**CONFIG, "Healthcheck": None}},
    "by shell": {"Config": CONFIG | {"Healthcheck": {"Test": ["CMD-SHELL", "curl localhost"]}}},
}

BARE = "worker: /tmp/bare/1 has no translation, and without TensorFlow none can be made here"
CHOSEN = '{"event":"engine_chosen","engine":"litert"}'
# By the image's tag or the container's name: exit code, and what was printed.
SAID: dict[str, tuple[int, str]] = {
    "refuses": (2, f'{{"event":"model_found"}}\n{BARE}\n'),
    "starts": (0, CHOSEN),
    "crashes": (1, BARE),
    "stutters": (2, f"{BARE}\nTraceback"),
    "chosen": (0, f'{{"event":"model_found"}}\n{CHOSEN}'),
    "refused": (0, f'{{"event":"translation_refused"}}\n{CHOSEN}'),
    "named": (0, "photo-score-worker 0.1.0+abc1234"),
    "unnamed": (0, "photo-score-worker 0.1.0"),
    "silent": (0, '{"event":"model_found"}'),
}


def image(tag: str, target: str = "cpu") -> checks.Image:
    return checks.Image(FakeEngine("docker"), tag, target, {})


def test_a_good_image_passes() -> None:
    assert checks.declares(image("good")).startswith('User "10001"')
    assert checks.is_small(image("good")) == "1300 MB, of 1400 MB allowed"
    for _, check in checks.FACT_CHECKS:
        check(GOOD)


@pytest.mark.parametrize("tag", ["root", "shell", "kill", "no port"])
def test_a_wrong_declaration_fails(tag: str) -> None:
    with pytest.raises(FailedError, match=r"User .*StopSignal .*Entrypoint"):
        checks.declares(image(tag))


def test_an_image_tells_the_commit_that_it_was_built_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "version", lambda: "0.1.0+abc1234")
    assert checks.tells_its_version(image("named")) == "photo-score-worker 0.1.0+abc1234"
    with pytest.raises(FailedError, match=r"^photo-score-worker 0\.1\.0$"):
        checks.tells_its_version(image("unnamed"))


def by_http(monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], httpx.Response]) -> str:
    """What the check of the door sees when it answers so."""
    monkeypatch.setattr(httpx, "post", lambda url, **_: answer(url))
    engine = FakeEngine("docker")
    return checks.scores_by_http(
        checks.Image(engine, "good", "cpu", {"WORKER_DOOR_PORT": "8081"}), Container(engine, "good")
    )


def test_a_photo_by_http_is_scored_in_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(url: str) -> httpx.Response:
        assert url == "http://127.0.0.1:8081/images"
        return httpx.Response(200, text=make_result().model_dump_json())

    assert "coffee.png: scored" in by_http(monkeypatch, answer)


def refuse(_url: str) -> httpx.Response:
    return httpx.Response(503, json={"code": "starting"})


def hang_up(_url: str) -> httpx.Response:
    raise httpx.ConnectError("refused")


@pytest.mark.parametrize(("answer", "seen"), [(refuse, "503: .*starting"), (hang_up, "8081/images: refused")])
def test_a_door_that_is_shut_fails(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], httpx.Response], seen: str
) -> None:
    with pytest.raises(FailedError, match=seen):
        by_http(monkeypatch, answer)


def test_each_target_has_a_size_limit() -> None:
    with pytest.raises(FailedError, match="1500 MB"):
        checks.is_small(image("large"))
    checks.is_small(image("large", "gpu"))
    checks.is_small(image("slim", "cpu-slim"))
    with pytest.raises(FailedError, match="1300 MB, of 450 MB"):
        checks.is_small(image("good", "cpu-slim"))


def test_the_image_without_tensorflow_must_refuse_a_model_without_translation_in_one_line() -> None:
    assert checks.needs_a_translation(image("refuses")) == f"exit 2: {BARE}"
    for tag in ("starts", "crashes", "stutters"):
        with pytest.raises(FailedError, match=r"exit [012]: "):
            checks.needs_a_translation(image(tag))
    assert [check for _, check in checks.TARGET_CHECKS["cpu-slim"]] == [checks.needs_a_translation]
    assert set(checks.TARGET_CHECKS) <= set(checks.MAX_SIZE) == set(TARGETS)


def test_the_image_must_carry_its_models_translation(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(name: str) -> str:
        container = Container(FakeEngine("docker"), name)
        monkeypatch.setattr(container, "run", lambda *_: (0, made))
        return checks.carries_its_translation(image("good"), container)

    made = ""
    assert look("chosen") == "litert, chosen by a race"
    for name in ("refused", "silent"):
        with pytest.raises(FailedError):
            look(name)
    made = "/tmp/models/_engines/translations/reference/1"
    with pytest.raises(FailedError, match="translations/reference"):
        look("chosen")


def test_the_health_check_is_found_for_every_engine_and_must_be_in_exec_form() -> None:
    words = ["python", "-m", "worker", "health"]
    assert image("good").health_command() == image("podman").health_command() == words
    for tag in ("none", "by shell"):
        with pytest.raises(FailedError, match="health check of kind"):
            image(tag).health_command()


@pytest.mark.parametrize(
    ("check", "wrong", "message"),
    [
        (checks.runs_without_rights, {"uid": 0}, "uid 0"),
        (checks.runs_without_rights, {"capabilities": 0x20}, "capabilities 20"),
        (checks.is_first, {"command": ["/bin/sh", "-c", "python -m worker"]}, "PID 1: /bin/sh"),
        (checks.is_first, {"catches": [2]}, r"catches \[2\]"),
        (checks.is_read_only, {"read_only": False}, "WRITABLE"),
        (checks.is_read_only, {"writable": ["/tmp", "/home/worker"]}, "/home/worker"),
        (checks.is_read_only, {"writable": ["/tmpfs"]}, "/tmpfs"),
        (checks.is_read_only, {"writable": []}, r"took a file: \[\]"),
        (checks.decodes_apart, {"decoders": 1}, "1 processes"),
        (checks.decodes_apart, {"writable": ["/tmp", "/dev/shm"]}, "/dev/shm is WRITABLE"),
        (
            checks.has_what_settings_ask_for,
            {"missing": ["phash: No module named 'scipy'"]},
            "phash: No module",
        ),
        (checks.has_no_tools, {"tools": ["gcc"]}, "gcc"),
        (checks.has_no_tools, {"modules": ["pip"]}, "module pip"),
    ],
)
def test_a_fault_inside_the_container_fails(
    check: Callable[[Mapping[str, Any]], str], wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(FailedError, match=message):
        check(GOOD | wrong)


# The report


def test_a_report_passes_when_every_check_was_made_and_passed() -> None:
    report = Report()
    assert not report.passed, "no check was made"
    report.check("first", lambda: "as it should be")
    assert report.passed
    report.skip("second", "the engine went away")
    assert not report.passed


@pytest.mark.parametrize("trouble", [FailedError("exit 3"), EngineError("exit 3"), TimeoutError("exit 3")])
def test_a_failed_check_is_a_row_and_the_others_go_on(trouble: Exception) -> None:
    def check() -> str:
        raise trouble

    report = Report()
    report.check("stops [cleanly]", check)
    report.check("another", lambda: "fine")
    assert not report.passed
    shown = Console(file=io.StringIO(), width=120)
    shown.print(report.table("an image"))
    assert isinstance(shown.file, io.StringIO)
    assert all(text in shown.file.getvalue() for text in ("NO", "exit 3", "yes", "another"))


# The engine


def script(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_the_first_engine_that_answers_is_used(only: Path) -> None:
    assert engine.find() is None
    assert "none of docker, podman, buildah is installed" in engine.reason(engine.BUILDERS)
    script(only, "docker", "exit 1")
    assert engine.find() is None
    assert engine.reason(engine.BUILDERS).startswith("installed, but not answering: docker")
    script(only, "buildah", "exit 0")
    assert engine.find() == Engine("buildah")
    assert engine.find(engine.RUNNERS) is None, "it cannot run what it builds"


def test_an_error_has_the_last_line_of_the_engines_output(only: Path) -> None:
    script(only, "docker", "echo a warning >&2; echo no space left >&2; exit 7")
    with pytest.raises(EngineError, match="docker run: exit status 7, no space left"):
        Engine("docker").ask("run", "x")


@pytest.mark.parametrize("name", engine.BUILDERS)
def test_a_build_keeps_the_health_check_and_omits_empty_arguments(
    name: str, only: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script(only, name, 'echo "$@"')
    Engine(name).build("cpu", "tag:1", {"VERSION": "1", "BASE": ""}, ["--network", "host"])
    words = capfd.readouterr().out.split()
    assert ("--format" in words) == (name != "docker"), "OCI's own format has no health check"
    assert "VERSION=1" in words
    assert not any(word.startswith("BASE") for word in words)
    script(only, name, "exit 3")
    with pytest.raises(EngineError, match="exit status 3"):
        Engine(name).build("cpu", "tag:1", {})


# What slim.sh leaves

LEFT = (
    "scipy/fft/a.py",
    "scipy/__pycache__/a.pyc",
    "scipy/a.py",
    "botocore/data/sqs/service.json",
    "botocore/data/endpoints.json",
    "ai_edge_litert/libpywrap_litert_common.so",
    "worker_needs/this.py",
)
TAKEN = (
    "scipy/stats/a.py",
    "scipy/stats_of_fft/a.py",
    "scipy/fft/tests/a.py",
    "botocore/data/ec2/service.json",
    "ai_edge_litert/libLiteRtWebGpuAccelerator.so",
    "ai_edge_litert/tools/apply_plugin_main",
)


def test_slim_removes_what_the_worker_never_loads(tmp_path: Path) -> None:
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    for name in (*LEFT, *TAKEN):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).touch()
    (tmp_path / "bin").mkdir()
    script(tmp_path / "bin", "python", f'echo "$@" > {tmp_path}/asked')
    subprocess.run(["sh", "deploy/image/slim.sh", tmp_path], cwd=engine.ROOT, check=True)
    found = {str(path.relative_to(packages)) for path in packages.rglob("*") if path.is_file()}
    assert found == set(LEFT)
    assert "uninstall" in (tmp_path / "asked").read_text()


def test_the_stand_in_has_of_documents_only_what_the_law_asks_for(tmp_path: Path) -> None:
    kept = {"doc/perl/copyright", "python/debpython.py", "zoneinfo/UTC"}
    for name in (*kept, "doc/perl/changelog.gz", "man/man1/perl.1.gz", "locale/de/LC_MESSAGES/apt.mo"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "doc" / "perl" / "gone").symlink_to("nowhere")
    remove_documents(tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if not path.is_dir()} == kept


# The version


def test_the_version_has_the_commit_and_marks_changes(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    git = (shutil.which("git") or "git", "-c", "user.name=a", "-c", "user.email=a@b.invalid")
    environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}

    def run(*words: str) -> None:
        subprocess.run([*git, *words], cwd=tmp_path, env=environment, check=True, capture_output=True)

    assert version(tmp_path) == "1.2.3", "no checkout"
    run("init")
    run("add", ".")
    run("commit", "--message", "first")
    clean = version(tmp_path)
    assert clean.startswith("1.2.3+")
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3" \n')
    assert version(tmp_path) == f"{clean}-dirty"
