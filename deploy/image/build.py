"""`make image`: builds the worker's image with Docker, Podman or Buildah."""

import worker.interrupts  # noqa: F401 - before all else

# isort: split
import argparse
import subprocess
import sys
import tomllib
from pathlib import Path

from deploy.image import engine
from deploy.image.engine import ROOT, EngineError

TARGETS = ("cpu", "cpu-slim", "gpu")


def main() -> int:
    """Build the image; returns exit code 1 when there is no engine or it fails."""
    parser = argparse.ArgumentParser(prog="python -m deploy.image.build", description=__doc__)
    parser.add_argument("--target", choices=TARGETS, default="cpu")
    parser.add_argument("--tag", default="", help="default: photo-score-worker:TARGET")
    parser.add_argument("--base", default="", help="the base image; default: the Dockerfile's own")
    parser.add_argument("--engine", choices=engine.BUILDERS, help="default: the first of these that answers")
    options, extra = parser.parse_known_args()
    names = (options.engine,) if options.engine else engine.BUILDERS
    found = engine.find(names)
    if not found:
        sys.stderr.write(f"no engine to build the image with: {engine.reason(names)}\n")
        return 1
    tag = options.tag or f"photo-score-worker:{options.target}"
    try:
        found.build(options.target, tag, {"VERSION": version(), "BASE": options.base}, extra)
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stderr.write(f"built {tag}\n")
    return 0


def version(root: Path = ROOT) -> str:
    """Return the project's version and, in a checkout, the commit; `-dirty` if files differ."""
    number = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    command = ("git", "describe", "--always", "--dirty", "--exclude", "*")
    try:
        done = subprocess.run(command, cwd=root, check=False, capture_output=True, text=True)  # noqa: S603
    except OSError:  # no git
        return str(number)
    commit = done.stdout.strip() if done.returncode == 0 else ""
    return f"{number}+{commit}" if commit else str(number)


if __name__ == "__main__":
    sys.exit(main())
