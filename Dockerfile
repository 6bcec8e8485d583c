# The worker's image, for CPUs (`--target cpu`, the last stage and thus the default) and NVIDIA GPUs (`--target gpu`).
# Dependencies are locked with hashes; the model is built in a stage of its own; the final stages hold no pip cache.

FROM python:3.11-slim-bookworm AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

FROM base AS cpu-packages
COPY deploy/locks/cpu.txt /locks/
RUN python -m venv /venv && /venv/bin/pip install --require-hashes -r /locks/cpu.txt

FROM base AS gpu-packages
COPY deploy/locks/gpu.txt /locks/
RUN python -m venv /venv && /venv/bin/pip install --require-hashes -r /locks/gpu.txt

FROM cpu-packages AS model
COPY worker worker
COPY models models
COPY localstack/photos localstack/photos
COPY tests/data tests/data
RUN /venv/bin/python -m models.reference.build

FROM base AS worker
COPY LICENSE NOTICE.md ./
COPY worker worker
COPY --from=model /app/models/reference/built models/reference/built
RUN useradd --system --no-create-home --uid 10001 worker
USER 10001
ENV PATH=/venv/bin:$PATH
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "worker"]

# The CUDA libraries come as wheels with tensorflow[and-cuda]; the driver comes from the NVIDIA container runtime.
FROM worker AS gpu
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=gpu-packages /venv /venv

FROM worker AS cpu
COPY --from=cpu-packages /venv /venv
