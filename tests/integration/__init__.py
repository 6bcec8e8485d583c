"""The whole worker against a real LocalStack, a real Valkey and the real model."""
