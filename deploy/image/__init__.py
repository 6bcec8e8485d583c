"""Builds the worker's image with Docker, Podman or Buildah, and checks it by running it."""
