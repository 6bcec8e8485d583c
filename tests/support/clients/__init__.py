"""Programs that use the clients of docs/clients as an API does, for their tests."""
