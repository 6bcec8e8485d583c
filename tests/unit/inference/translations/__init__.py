"""Tests of worker/inference/translations."""
