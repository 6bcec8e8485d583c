"""What it takes to run the worker on AWS."""
