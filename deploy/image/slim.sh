#!/bin/sh
# Removes from a virtual environment what only builds need, and what the worker never loads. Usage: slim.sh VENV
# Keeps the bytecode: the file system is read-only at run time, so every start would compile all of it again.
set -eu
packages=$(echo "$1"/lib/python3*/site-packages)

keep() { # FOLDER, and the folders in it that stay
  folder=$1
  shift
  for path in "$folder"/*/; do
    case " $* " in *" $(basename "$path") "*) ;; *) rm -rf "$path" ;; esac
  done
}

"$1/bin/python" -m pip uninstall --quiet --yes setuptools wheel pip
find "$packages" -type d -name tests -prune -exec rm -rf {} +

# ImageHash needs one transform of SciPy; boto3 needs two services, and those that give credentials.
keep "$packages/scipy" _lib fft fftpack special __pycache__
keep "$packages/botocore/data" s3 sqs sts sso sso-oidc signin
# LiteRT runs models on the CPU, without its tools and its other accelerators.
rm -rf "$packages"/ai_edge_litert/aot "$packages"/ai_edge_litert/tools "$packages"/ai_edge_litert/vendors \
  "$packages"/ai_edge_litert/*Accelerator.so

if [ -d "$packages/tensorflow" ]; then
  rm -rf "$packages/tensorflow/include" "$packages/clang" # headers and libclang, for compiling operations
  find "$packages/tensorflow" -name '*.so*' -type f -exec strip --strip-unneeded {} +
fi
