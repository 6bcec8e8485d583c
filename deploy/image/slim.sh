#!/bin/sh
# Removes from a virtual environment what only builds need. Usage: slim.sh VENV
# Keeps the bytecode: the file system is read-only at run time, so every start would compile TensorFlow again.
set -eu
packages=$(echo "$1"/lib/python3*/site-packages)

"$1/bin/python" -m pip uninstall --quiet --yes setuptools wheel pip
rm -rf "$packages/tensorflow/include" "$packages/clang" # headers and libclang, for compiling operations
find "$packages" -type d -name tests -prune -exec rm -rf {} +
find "$packages/tensorflow" -name '*.so*' -type f -exec strip --strip-unneeded {} +
