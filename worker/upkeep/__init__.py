"""Work for operators: dead letters, rebuilding the index, comparing two services."""
