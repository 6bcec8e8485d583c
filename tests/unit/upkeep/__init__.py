"""Tests of worker/upkeep."""
