"""Tests of localstack/playground/."""
