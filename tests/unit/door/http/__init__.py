"""Tests of worker/door/http/."""
