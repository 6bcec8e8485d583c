"""Tests of worker/results."""
