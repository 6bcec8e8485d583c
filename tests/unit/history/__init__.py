"""Tests of tests/support/history: the judge of histories."""
