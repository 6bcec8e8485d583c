"""Tests of worker/door/api/."""
