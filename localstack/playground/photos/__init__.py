"""The photos that the playground sends: their ways, what became of each, and the account of all."""
