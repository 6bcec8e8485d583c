#!/usr/bin/env bash
# Resolves all dependencies anew, with hashes, for every platform, naming no host. Run by `make lock`.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet uv

lock() { # OUTPUT, then what to resolve
  echo "locking $1"
  "$work/venv/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
    --upgrade --constraints deploy/locks/constraints.txt --custom-compile-command "make lock" --output-file "$@"
}

lock deploy/locks/slim.txt --extra otel pyproject.toml
lock deploy/locks/cpu.txt --extra cpu --extra otel pyproject.toml
lock deploy/locks/gpu.txt --extra gpu --extra otel pyproject.toml
lock deploy/locks/dev.txt --extra cpu --extra otel --extra openvino --group dev pyproject.toml
lock deploy/locks/peers.txt --no-deps deploy/locks/peers.in
lock localstack/requirements.txt localstack/requirements.in
