"""Tests of worker/intake."""
