"""Tests of worker/door/page/."""
