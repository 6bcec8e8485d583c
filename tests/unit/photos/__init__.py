"""Tests of worker/photos."""
