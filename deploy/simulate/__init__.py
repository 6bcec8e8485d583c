"""A day of the service on AWS, simulated: how many tasks run, what waits, how long photos take, and what they cost."""
