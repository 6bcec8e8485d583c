"""Tests of worker/door/waiting/."""
