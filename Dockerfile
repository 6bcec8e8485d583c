# The worker's image, for CPUs (target cpu, the default) and NVIDIA GPUs (target gpu). Explained in docs/image.md.
# The GPU's stages come last but one: a builder that runs all stages in order downloads its gigabytes only when asked.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS base
WORKDIR /app

# What installing needs and running does not. Its strip is that of the base's own Debian.
FROM base AS builder
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
RUN python -m venv /venv
COPY deploy/image/slim.sh /build/

FROM builder AS cpu-packages
COPY deploy/locks/cpu.txt /build/
RUN /venv/bin/pip install --require-hashes -r /build/cpu.txt

# Of the worker only what the recipe uses: a change elsewhere does not build the model anew.
FROM cpu-packages AS model
COPY models models
COPY localstack/photos localstack/photos
COPY tests/data tests/data
COPY worker/__init__.py worker/errors.py worker/messages.py worker/result.py worker/
COPY worker/photos worker/photos
COPY worker/inference/__init__.py worker/inference/bundle.py worker/inference/
COPY worker/adapters/__init__.py worker/adapters/
COPY worker/adapters/tensorflow/__init__.py worker/adapters/tensorflow/quiet_import.py worker/adapters/tensorflow/
RUN /venv/bin/python -m models.reference.build

FROM cpu-packages AS cpu-venv
RUN /build/slim.sh /venv

FROM base AS app
COPY LICENSE NOTICE.md ./
COPY --from=model /app/models/reference/built models/reference/built
COPY worker worker
RUN python -m compileall -q worker

# Nothing is written but below /tmp: it is the home, and with it the place of every library's cache.
FROM base AS runtime
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3*/ensurepip /usr/local/lib/python3*/site-packages/* \
 && useradd --system --no-create-home --home-dir /tmp --uid 10001 worker
ENV PATH=/venv/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# ECS gives a volume the rights of the folder that an image declares one for, else it would be root's.
VOLUME ["/tmp"]
USER 10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 CMD ["python", "-m", "worker", "health"]
ENTRYPOINT ["python", "-m", "worker"]
LABEL org.opencontainers.image.title="photo-score-worker" \
      org.opencontainers.image.description="Scores food photos: S3 upload event in, score in Redis, message deleted last." \
      org.opencontainers.image.licenses="MIT"

FROM runtime AS cpu
COPY --from=cpu-venv /venv /venv
COPY --from=app /app /app
ARG VERSION=unknown
LABEL org.opencontainers.image.version=${VERSION}

# The CUDA libraries come as wheels with tensorflow[and-cuda]; the driver comes from the NVIDIA container runtime.
FROM builder AS gpu-venv
COPY deploy/locks/gpu.txt /build/
RUN /venv/bin/pip install --require-hashes -r /build/gpu.txt && /build/slim.sh /venv

FROM runtime AS gpu
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=gpu-venv /venv /venv
COPY --from=app /app /app
ARG VERSION=unknown
LABEL org.opencontainers.image.version=${VERSION}

FROM cpu
