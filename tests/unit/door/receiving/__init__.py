"""Tests of worker/door/receiving/."""
