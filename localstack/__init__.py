"""LocalStack and Valkey in place of AWS, for the demo, the tests and the bench."""
