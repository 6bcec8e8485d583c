"""Tests: unit (no process, no network), integration (real LocalStack, Valkey and model), bench."""
