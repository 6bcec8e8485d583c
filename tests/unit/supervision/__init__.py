"""Tests of worker/supervision."""
