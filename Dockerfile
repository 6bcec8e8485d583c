# The worker's image, for CPUs (targets cpu, the default, and cpu-slim, without TensorFlow) and NVIDIA GPUs (target gpu);
# see docs/image.md.
# The GPU stages come just before the last, so that a builder that runs stages in order downloads their gigabytes only
# for that target.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS base
WORKDIR /app

# Tools that are only needed to install. `strip` comes from the base's own Debian.
FROM base AS builder
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
RUN python -m venv /venv
COPY deploy/image/slim.sh /build/

FROM builder AS cpu-packages
COPY deploy/locks/cpu.txt /build/
RUN /venv/bin/pip install --require-hashes -r /build/cpu.txt

# Copy only what the recipe imports, so that changes elsewhere do not rebuild the model.
FROM cpu-packages AS model
COPY models models
COPY localstack/photos localstack/photos
COPY tests/data tests/data
COPY worker/__init__.py worker/errors.py worker/interrupts.py worker/messages.py worker/result.py worker/
COPY worker/photos worker/photos
COPY worker/inference/__init__.py worker/inference/bundle.py worker/inference/manifest.py worker/inference/tips.py \
  worker/inference/
COPY worker/inference/delivery/__init__.py worker/inference/delivery/checksums.py worker/inference/delivery/
COPY worker/adapters/__init__.py worker/adapters/quiet_import.py worker/adapters/
RUN /venv/bin/python -m models.reference.build

# How a model is translated is part of the worker.
FROM model AS translation
COPY worker worker
RUN /venv/bin/python -m worker translate-model models/reference/built/reference

FROM cpu-packages AS cpu-venv
RUN /build/slim.sh /venv

FROM base AS app
COPY LICENSE NOTICE.md ./
COPY --from=translation /app/models/reference/built models/reference/built
COPY worker worker
RUN python -m compileall -q worker

# The worker writes only below /tmp. It is the home directory, so libraries keep their caches there too.
FROM base AS runtime
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3*/ensurepip /usr/local/lib/python3*/site-packages/* \
 && useradd --system --no-create-home --home-dir /tmp --uid 10001 worker
ENV PATH=/venv/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# ECS gives a volume the owner and mode of the image's folder only if the image declares it; otherwise root owns it.
VOLUME ["/tmp"]
USER 10001
# Where WORKER_DOOR_PORT usually is; nothing listens unless it is set.
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 CMD ["python", "-m", "worker", "health"]
ENTRYPOINT ["python", "-m", "worker"]
LABEL org.opencontainers.image.title="photo-score-worker" \
      org.opencontainers.image.description="Scores food photos: from S3 upload events or by HTTP, with results in Redis." \
      org.opencontainers.image.licenses="MIT"

FROM runtime AS cpu
COPY --from=cpu-venv /venv /venv
COPY --from=app /app /app
ARG VERSION=
ENV PHOTO_SCORE_VERSION=${VERSION}
LABEL org.opencontainers.image.version=${VERSION}

FROM builder AS slim-venv
COPY deploy/locks/slim.txt /build/
RUN /venv/bin/pip install --require-hashes -r /build/slim.txt && /build/slim.sh /venv

FROM runtime AS cpu-slim
COPY --from=slim-venv /venv /venv
COPY --from=app /app /app
ARG VERSION=
ENV PHOTO_SCORE_VERSION=${VERSION}
LABEL org.opencontainers.image.version=${VERSION}

# CUDA libraries come as wheels with tensorflow[and-cuda]; the driver comes from the NVIDIA container runtime.
FROM builder AS gpu-venv
COPY deploy/locks/gpu.txt /build/
RUN /venv/bin/pip install --require-hashes -r /build/gpu.txt && /build/slim.sh /venv

FROM runtime AS gpu
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=gpu-venv /venv /venv
COPY --from=app /app /app
ARG VERSION=
ENV PHOTO_SCORE_VERSION=${VERSION}
LABEL org.opencontainers.image.version=${VERSION}

FROM cpu
