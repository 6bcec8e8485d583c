"""A simulated day of the service on AWS: tasks, backlog, latency and costs."""
