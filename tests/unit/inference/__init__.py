"""Tests of worker/inference."""
