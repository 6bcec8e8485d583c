"""Tests of worker/settings."""
