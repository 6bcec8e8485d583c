"""What an operator does now and then: dead letters, the index rebuilt, two services compared."""
