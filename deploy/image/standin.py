"""Builds a stand-in for the base image where no registry can be reached: Debian with its Python.

It copies this machine's package mirror, certificates and pip settings: never push an image built on
it.
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
STANDIN = "photo-score-worker-base:debian-slim"  # never the official name
RELEASE = "bookworm"
PACKAGES = "python3,python3-venv,ca-certificates"
PULL_TIMEOUT = 300.0  # seconds
# What Debian's own slim images lack, but for the copyright of each package.
DOCUMENTS = ("doc", "info", "lintian", "locale", "man")
COPYRIGHT = "copyright"
BUNDLE = "etc/ssl/certs/ca-certificates.crt"
# pip's settings of where packages come from.
PIP_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout")


def base(engine: Engine) -> str:
    """Return a base image, pulled or built if necessary. Raises EngineError."""
    if engine.has(OFFICIAL):
        return OFFICIAL
    if engine.has(STANDIN):
        return STANDIN
    try:
        engine.ask("pull", OFFICIAL, timeout=PULL_TIMEOUT)
    except (EngineError, subprocess.TimeoutExpired) as error:
        sys.stderr.write(f"no registry ({error}): building {STANDIN} from Debian's packages\n")
        _build(engine)
        return STANDIN
    return OFFICIAL


def _build(engine: Engine) -> None:
    if not shutil.which("debootstrap"):
        raise EngineError(
            "without a registry, debootstrap builds the base image; on Debian: apt-get install debootstrap"
        )
    if os.geteuid() != 0:
        raise EngineError("debootstrap must run as root")
    with tempfile.TemporaryDirectory(prefix="image-base-") as folder:
        root, archive = Path(folder) / "root", Path(folder) / "root.tar"
        _run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", RELEASE, str(root), *mirror())
        _configure(root)
        excluded = ("--exclude=./var/cache/apt", "--exclude=./var/lib/apt/lists")
        _run("tar", "-C", str(root), *excluded, "-cf", str(archive), ".")
        engine.ask("import", str(archive), STANDIN)


def _configure(root: Path) -> None:
    """Make it look like the official image, and reach packages as this machine does."""
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    certificates = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().openssl_cafile
    if Path(certificates).is_file():
        shutil.copyfile(certificates, root / BUNDLE)
    remove_documents(root / "usr/share")
    settings = _output(sys.executable, "-m", "pip", "config", "list")
    (root / "etc/pip.conf").write_text(pip_settings(settings))


def remove_documents(share: Path) -> None:
    """Remove what Debian's slim images lack."""
    for path in [path for name in DOCUMENTS for path in (share / name).rglob("*")]:
        if path.name != COPYRIGHT and (path.is_symlink() or path.is_file()):
            path.unlink()


def mirror() -> list[str]:
    """Return the mirror from which this machine's apt gets the release, if it does."""
    if not shutil.which("apt-get"):
        return []
    targets = _output("apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)")
    rows = [line.split() for line in targets.splitlines()]
    return [row[2] for row in rows if len(row) == 3 and row[:2] == [RELEASE, "main"]][:1]


def pip_settings(config: str) -> str:
    """Turn the output of `pip config list` into a pip.conf for the image, without local files."""
    pairs = [line.partition("=")[::2] for line in config.splitlines() if "=" in line]
    values = {name.rpartition(".")[2]: str(ast.literal_eval(value)).split() for name, value in pairs}
    lines = [
        f"{name} = {' '.join(kept)}"
        for name in PIP_SETTINGS
        if (kept := [word for word in values.get(name, []) if not word.startswith("file:")])
    ]
    return "\n".join(["[global]", f"cert = /{BUNDLE}", *lines, ""])


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - no shell
    if done.returncode:
        last = (done.stdout + done.stderr).strip().splitlines()[-1:]
        raise EngineError(f"{command[0]}: exit status {done.returncode} {' '.join(last)}")


def _output(*command: str) -> str:
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout  # noqa: S603 - no shell
