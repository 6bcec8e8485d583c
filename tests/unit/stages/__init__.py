"""Tests of worker/stages."""
