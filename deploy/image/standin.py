"""A stand-in for the base image where no registry can be reached: Debian bookworm with its own Python.

It takes over this machine's package mirror, certificates and pip settings, so never push what was built on it.
"""

import ast
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.image.engine import Engine, EngineError

OFFICIAL = "python:3.11-slim-bookworm"  # as the Dockerfile says
STANDIN = "photo-score-worker-base:debian"  # a name of its own: the official one must never mean this
RELEASE = "bookworm"
PACKAGES = "python3,python3-venv,ca-certificates"
PULL = 300.0  # seconds
BUNDLE = "etc/ssl/certs/ca-certificates.crt"
PIP = (
    "index-url",
    "extra-index-url",
    "trusted-host",
    "proxy",
    "timeout",
)  # what says where packages come from


def base(engine: Engine) -> str:
    """Give the name of a base image that is there, fetched or made if need be. Raises EngineError."""
    if engine.has(OFFICIAL):
        return OFFICIAL
    if engine.has(STANDIN):
        return STANDIN
    try:
        engine.ask("pull", OFFICIAL, patience=PULL)
    except (EngineError, subprocess.TimeoutExpired) as error:
        sys.stderr.write(f"no registry ({error}): making {STANDIN} from Debian's packages\n")
        _make(engine)
        return STANDIN
    return OFFICIAL


def _make(engine: Engine) -> None:
    if not shutil.which("debootstrap"):
        raise EngineError(
            "a base image without a registry takes debootstrap; on Debian: apt-get install debootstrap"
        )
    if os.geteuid() != 0:
        raise EngineError("debootstrap must run as root")
    with tempfile.TemporaryDirectory(prefix="image-base-") as folder:
        root, archive = Path(folder) / "root", Path(folder) / "root.tar"
        _run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", RELEASE, str(root), *mirror())
        _furnish(root)
        _run(
            "tar",
            "-C",
            str(root),
            "--exclude=./var/cache/apt",
            "--exclude=./var/lib/apt/lists",
            "-cf",
            str(archive),
            ".",
        )
        engine.ask("import", str(archive), STANDIN)


def _furnish(root: Path) -> None:
    """Let it look like the official image, and reach packages the way this machine does."""
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    certificates = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().openssl_cafile
    if Path(certificates).is_file():
        shutil.copyfile(certificates, root / BUNDLE)
    listed = _output(sys.executable, "-m", "pip", "config", "list")
    (root / "etc/pip.conf").write_text(pip_settings(listed))


def mirror() -> list[str]:
    """Give the mirror that this machine's apt takes the release from, if it does."""
    if not shutil.which("apt-get"):
        return []
    targets = _output("apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)")
    rows = [line.split() for line in targets.splitlines()]
    return [row[2] for row in rows if len(row) == 3 and row[:2] == [RELEASE, "main"]][:1]


def pip_settings(listed: str) -> str:
    """Turn the lines of `pip config list` into a pip.conf that holds what is true in an image, too: no local files."""
    pairs = [line.partition("=")[::2] for line in listed.splitlines() if "=" in line]
    wanted = {name.rpartition(".")[2]: str(ast.literal_eval(value)).split() for name, value in pairs}
    lines = [
        f"{name} = {' '.join(kept)}"
        for name in PIP
        if (kept := [word for word in wanted.get(name, []) if not word.startswith("file:")])
    ]
    return "\n".join(["[global]", f"cert = /{BUNDLE}", *lines, ""])


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own words
    if done.returncode:
        last = (done.stdout + done.stderr).strip().splitlines()[-1:]
        raise EngineError(f"{command[0]}: exit status {done.returncode} {' '.join(last)}")


def _output(*command: str) -> str:
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout  # noqa: S603 - our own words
