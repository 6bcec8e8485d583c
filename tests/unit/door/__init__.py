"""Tests of worker/door/."""
